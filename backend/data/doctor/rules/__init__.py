"""One kind of fault in each class: how it is recognised in a row, and what would be right."""
