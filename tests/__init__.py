"""What lets us dare to change things."""
