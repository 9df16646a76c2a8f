"""Data sets of the person who is logged in: those that are here, and files on their way to become one."""
