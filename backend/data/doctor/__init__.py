"""What is the matter with the rows of a data set, and what mends it."""
