"""The processors: journal to ledger, in order, in parallel, through crashes."""
