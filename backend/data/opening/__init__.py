"""From the bytes of a file to records: what a file is, how it was understood, and what stands in it.

`files.open_file(path, choices)` gives an `opened.Opened`: `.understood` says how the file is read, `.records()` gives
one `Record` after another. Nothing here knows what a record means to a model.
"""
