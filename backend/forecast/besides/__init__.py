"""What families, methods and pictures need besides a Llama layer that learns by plain LoRA."""
