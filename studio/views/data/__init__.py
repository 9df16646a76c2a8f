"""Data sets: those that are here, and a file that is about to become one."""
