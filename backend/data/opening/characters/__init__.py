"""In which encoding a text is written, and reading it as UTF-8."""
