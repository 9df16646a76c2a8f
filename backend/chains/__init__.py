"""Several trainings as one job, each from what the one before has made."""
