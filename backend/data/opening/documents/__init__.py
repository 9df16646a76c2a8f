"""Documents with pages and headings: PDF and Word."""
