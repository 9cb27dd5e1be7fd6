"""What it means: every rule of books, ledger, KPIs and questions."""
