"""Files that come together: in an archive, in a folder, or several at once."""
