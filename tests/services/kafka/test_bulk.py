"""Record batches that are written as a whole."""

import uuid
from contextlib import closing

import pytest

from services.kafka.bulk import BulkFailed, BulkWriter
from services.kafka.clients import Cluster, cluster_of, partition_of
from services.kafka.log import Log
from services.kafka.records import Outgoing, Record
from services.kafka.topics import plans, set_up
from services.kafka.writer import Writer
from tests.kafka.broker import Kafka
from tests.kafka.topics import cluster, make
from tests.services.kafka.test_login import settings

PARTITIONS = 3
TENANTS = ("acme", "bolt", "crux", "dyne")


def batch(count: int, size: int = 100) -> list[Outgoing]:
    """Records of four tenants by turns, each of its own content and time."""
    return [
        Outgoing(TENANTS[number % 4], b"%09d" % number + bytes(size), [("number", b"%d" % number)], 1000 + number)
        for number in range(count)
    ]


def stands(where: Cluster, topic: str) -> list[Record]:
    """What stands in a topic, in the order of its places."""
    with Log(where, topic) as log:
        found = [
            record for records, _ in log.read(dict.fromkeys(range(PARTITIONS), 0), log.ends()) for record in records
        ]
    return sorted(found, key=lambda record: (record.partition, record.offset))


@pytest.mark.parametrize("stamped", [True, False])
def test_the_records_stand_where_and_when_it_says(kafka: Kafka, stamped: bool) -> None:
    topic, out = make(kafka, f"bulk-{uuid.uuid4().hex[:8]}", PARTITIONS, stamped=stamped).inbox, batch(40)

    with closing(BulkWriter(cluster(kafka), topic, PARTITIONS, 30)) as writer:
        written = [*writer.write(out[:25]), *writer.write(out[25:])]

    assert [record.value for record in written] == [each.value for each in out]
    assert sorted(written, key=lambda record: (record.partition, record.offset)) == stands(cluster(kafka), topic)
    assert all((record.timestamp_ms > 1_000_000) == stamped for record in written)


def test_more_than_a_batch_holds_keeps_its_order(kafka: Kafka) -> None:
    topic, out = make(kafka, f"bulk-{uuid.uuid4().hex[:8]}", PARTITIONS).inbox, batch(80, size=60_000)

    with closing(BulkWriter(cluster(kafka), topic, PARTITIONS, 60)) as writer:
        writer.write(out)

    found = stands(cluster(kafka), topic)
    for place in range(PARTITIONS):
        told = [each.value for each in out if partition_of(each.tenant, PARTITIONS) == place]
        assert [record.value for record in found if record.partition == place] == told


def test_its_records_are_those_of_the_other_writer(kafka: Kafka) -> None:
    one, other = (make(kafka, f"bulk-{uuid.uuid4().hex[:8]}", PARTITIONS, stamped=False).inbox for _ in range(2))

    with closing(BulkWriter(cluster(kafka), one, PARTITIONS, 30)) as bulk:
        written = bulk.write(batch(50))
    with closing(Writer(cluster(kafka), other, PARTITIONS)) as writer:
        assert writer.write(batch(50)) == written

    assert stands(cluster(kafka), one) == stands(cluster(kafka), other)


def test_who_is_refused_is_told_and_may_try_again(kafka_with_login: Kafka) -> None:
    right, wrong = settings(kafka_with_login, "open sesame"), settings(kafka_with_login, "open barley")
    set_up(cluster_of(right), plans(right))

    with (
        closing(BulkWriter(cluster_of(wrong), "salestream.inbox", 2, 5)) as writer,
        pytest.raises(BulkFailed, match="did not take a batch") as failed,
    ):
        writer.write(batch(1))
    assert "barley" not in str(failed.value)
    with closing(BulkWriter(cluster_of(right), "salestream.inbox", 2, 20)) as writer:
        assert [record.partition for record in writer.write(batch(4))] == [partition_of(each, 2) for each in TENANTS]
