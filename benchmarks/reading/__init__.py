"""What `bench data` measures: importing, preparing to tokens, checking."""
