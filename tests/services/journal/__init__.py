"""Tests of the journal: a contract that every adapter keeps, and each adapter's own ways to fail."""
