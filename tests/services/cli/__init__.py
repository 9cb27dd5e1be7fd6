"""The command line, run as people and machines run it."""
