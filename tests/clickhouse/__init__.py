"""A ClickHouse server for tests: the HTTP interface of the real one, served over chDB."""
