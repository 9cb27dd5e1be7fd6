"""The worker: takes events from Kafka into the journal and posts them to the ledger, in a group with others."""
