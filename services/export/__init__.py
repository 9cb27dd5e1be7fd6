"""Answers, receipts and ledgers as files: CSV, JSON lines, Parquet, Arrow and Excel."""
