"""Tables that are no text: workbooks, Parquet and Arrow."""
