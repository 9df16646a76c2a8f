"""Files of texts that are no JSONL: tables in parquet, and plain text."""
