"""The vocabulary and its codec."""
