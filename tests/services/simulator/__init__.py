"""The simulated company: its story, its mess, its demo."""
