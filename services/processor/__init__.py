"""From the journal to the ledger."""
