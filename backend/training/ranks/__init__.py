"""One run on several devices: its processes, what they tell each other, and how the model is shared among them."""
