"""Rows that are no chats asked as chats, so that a chat model can learn them."""
