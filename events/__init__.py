"""What happened: the vocabulary of selling. Pure; stdlib, pydantic and msgspec only."""
