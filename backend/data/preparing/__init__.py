"""A data set prepared for training: split, mixed, filtered, cleaned, turned into chats; each step with its settings."""
