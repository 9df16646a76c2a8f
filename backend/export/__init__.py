"""What a run made, in the forms that other programs read."""
