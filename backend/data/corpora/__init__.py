"""Texts that are too long for the memory: found by number, in an order that needs none either."""
