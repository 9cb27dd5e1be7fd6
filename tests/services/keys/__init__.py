"""Tests of the API keys."""
