"""Files that are text: tables, JSON, JSON lines, and plain texts."""
