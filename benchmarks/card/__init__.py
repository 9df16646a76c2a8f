"""The parts of the benchmarks for cards: models of random weights, meters of memory, and what is done with them."""
