"""Conversations with one or several models: asked, kept, searched, exported, corrected."""
