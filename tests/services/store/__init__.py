"""The ledger store: the contract of its port, crashes, damage."""
