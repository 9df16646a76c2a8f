"""Captions for many pictures as a job: made one by one, kept as they come, corrected, and handed on."""
