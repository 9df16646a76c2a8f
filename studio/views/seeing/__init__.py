"""Captions for many pictures as things to show."""
