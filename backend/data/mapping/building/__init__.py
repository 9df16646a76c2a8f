"""One maker of stored rows for each shape."""
