"""The same topics read by others, to compare with."""
