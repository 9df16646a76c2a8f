"""Pictures for vision-language models of any family: their words in a prompt, and what the tower sees. Heavy."""
