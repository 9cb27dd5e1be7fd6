"""The oracle: every KPI straight from the events, slow and simple, sharing nothing with books, ledger and SQL."""
