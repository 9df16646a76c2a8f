"""From rows of a data set to the batches that a step trains on."""
