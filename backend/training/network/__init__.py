"""The model: loading it, its attention over packed documents, its loss, its answers."""
