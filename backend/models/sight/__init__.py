"""Models that see, from their files alone."""
