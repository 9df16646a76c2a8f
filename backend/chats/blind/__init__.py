"""Answers compared without knowing which model gave which."""
