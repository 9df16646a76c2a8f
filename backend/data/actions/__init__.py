"""What jobs do with data: one kind of job, several things that it may be asked."""
