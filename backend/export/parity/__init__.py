"""Whether an exported model says what the chat says."""
