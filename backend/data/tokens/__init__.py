"""How many tokens a text and a row have, without loading a tokenizer."""
