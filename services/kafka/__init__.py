"""Kafka: clients, topics and the records in them."""
