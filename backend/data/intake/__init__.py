"""A file that somebody brings becomes a data set: looked at in a process of its own, then imported as a job."""
