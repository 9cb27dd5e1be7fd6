"""The figures of benchmarks/README.md, with one command: ``make bench``."""
