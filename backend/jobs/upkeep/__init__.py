"""What keeps a workspace in order over months: room on the disk, clearing up, returning runs, lost rows."""
