"""Kafka: clients, topics, binding."""
