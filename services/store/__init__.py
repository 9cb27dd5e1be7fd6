"""The ledger store: a port, and ClickHouse behind it."""
