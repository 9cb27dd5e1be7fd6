"""A plain kafka-python consumer that does nothing with what it reads."""

import time

from kafka import KafkaConsumer, TopicPartition


def read(servers: str, topic: str, events: int) -> tuple[float, float]:
    """Seconds and processor seconds from the first record to the last."""
    consumer = KafkaConsumer(
        bootstrap_servers=servers.split(","),
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=8 << 20,
        max_poll_records=5000,
    )
    consumer.assign([TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic) or ()])
    seen = 0
    began: tuple[float, float] | None = None
    while seen < events:
        found = consumer.poll(timeout_ms=500)
        began = began or ((time.perf_counter(), time.process_time()) if found else None)
        seen += sum(len(records) for records in found.values())
    assert began is not None
    taken = time.perf_counter() - began[0], time.process_time() - began[1]
    consumer.close()
    return taken
