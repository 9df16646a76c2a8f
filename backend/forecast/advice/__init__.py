"""What to change where a run does not fit."""
