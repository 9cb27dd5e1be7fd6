"""The journal: the validated event log, one totally ordered sequence per tenant, and the only source of truth."""
