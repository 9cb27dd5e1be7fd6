"""The outside world: journals, stores, HTTP, CRMs, files, settings, the clock. All that is not pure is here."""
