"""Sections of a recipe."""
