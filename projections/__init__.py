"""What it means: books, ledger, KPIs, questions. Pure; computed from events alone."""
