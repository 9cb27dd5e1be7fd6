"""A topic as a log."""

import uuid
from contextlib import closing

from kafka import KafkaProducer

from services.kafka.log import Log
from tests.kafka.broker import Kafka
from tests.kafka.topics import cluster, make


def test_all_partitions_are_read_at_once_from_where_one_asks(kafka: Kafka) -> None:
    names = make(kafka, f"log-{uuid.uuid4().hex[:8]}")
    with closing(KafkaProducer(bootstrap_servers=kafka.bootstrap.split(","))) as producer:
        for partition in range(3):
            for number in range(10):
                producer.send(names.inbox, b"%d" % number, partition=partition)
        producer.flush()

    with Log(cluster(kafka), names.inbox) as log:
        ends = log.ends()
        assert ends == {0: 10, 1: 10, 2: 10}
        found = [record for records, _ in log.read({0: 3, 1: 0, 2: 9}, ends) for record in records]
        again = [record for records, _ in log.read({0: 9, 1: 9, 2: 9}, ends) for record in records]

    assert sorted((record.partition, record.offset) for record in found) == [
        *((0, offset) for offset in range(3, 10)),
        *((1, offset) for offset in range(10)),
        (2, 9),
    ]
    assert sorted((record.partition, record.offset) for record in again) == [(0, 9), (1, 9), (2, 9)]
