"""A company that never was: its years told event by event, for demos, tests and benchmarks."""
