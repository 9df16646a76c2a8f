"""The parts of `benchmarks.gpu`: models of random weights, meters of memory, and what is done with them."""
