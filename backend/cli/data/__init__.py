"""`launch.py data`: what it can do."""
