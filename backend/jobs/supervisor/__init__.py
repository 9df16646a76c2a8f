"""The process that keeps the queue moving: `python -m backend.jobs.supervisor --workspace DIR`."""
