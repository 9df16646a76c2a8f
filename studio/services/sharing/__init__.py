"""What of a run leaves the studio for other programs and other studios."""
