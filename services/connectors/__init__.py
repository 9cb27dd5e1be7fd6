"""Connectors: what CRMs push over webhooks, as events."""
