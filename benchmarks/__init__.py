"""Measured comparisons with other tools: `python -m benchmarks.<name> [--json]`."""
