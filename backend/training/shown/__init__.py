"""What a training will make of single rows: the exact tokens, which of them are learned, and what is cut off."""
