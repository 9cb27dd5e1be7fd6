"""Reading history again: rebuild, verify, digest."""
