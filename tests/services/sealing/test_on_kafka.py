"""In the topics of Kafka nothing personal is in clear, and one process forgets for all."""

import uuid
from pathlib import Path

from kafka import TopicPartition

from services.clock import now_ms
from services.journal.open import open_journal
from services.journal.port import Refused
from services.kafka.topics import Names
from services.sealing.fence import proof
from services.settings import Settings
from tests.kafka.broker import Kafka
from tests.kafka.topics import cluster, make
from tests.services.sealing.conftest import CANARY, NOW, hits, lead


def topics(kafka: Kafka, names: Names) -> bytes:
    """Everything that stands in the topics of a journal."""
    consumer = cluster(kafka).consumer()
    found = []
    try:
        for topic in (names.journal, names.dead_letters, names.deliveries):
            parts = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic) or ()]
            consumer.assign(parts)
            consumer.seek_to_beginning(*parts)
            ends = consumer.end_offsets(parts)
            while any(consumer.position(part) < ends[part] for part in parts):
                for records in consumer.poll(timeout_ms=500).values():
                    found += [part for each in records for part in (each.value, *(value for _, value in each.headers))]
    finally:
        consumer.close()
    return b"\0".join(found)


def test_nothing_personal_is_in_a_topic(kafka: Kafka, tmp_path: Path) -> None:
    names = make(kafka, f"sealed-{uuid.uuid4().hex[:8]}")
    keys = f"sqlite://{tmp_path}/subjects.sqlite"

    def settings(name: str) -> Settings:
        return Settings(
            data=tmp_path / name,
            journal=kafka.url,
            kafka_prefix=names.prefix,
            kafka_partitions=3,
            kafka_timeout_s=30,
            subject_keys=keys,
        )

    refused = Refused(tenant="default", reason="why", body=f"{{{CANARY}".encode())
    with open_journal(settings("one")) as one, open_journal(settings("other")) as other:
        other_event = lead(time="2026-03-03T09:00:00Z")
        verdicts = one.append([lead(), lead("e-2"), lead(), other_event], [refused], now_ms=NOW)
        one.keep("default", "hubspot", now_ms(), CANARY.encode(), {})
        assert [each.status for each in verdicts] == ["accepted", "accepted", "duplicate", "conflict"]
        assert [each.status for each in other.append([lead()], now_ms=NOW)] == ["duplicate"]
        assert [each.raw for each in other.inbox("default", 0, 9)] == [CANARY.encode()]

        other.append([proof("default", "lead:L-1", NOW)], now_ms=NOW)
        assert [each.status for each in one.append([lead(), lead("e-3")], now_ms=NOW)] == ["duplicate", "accepted"]

        told = topics(kafka, names)
        assert b'"sealed":"v1.' in told
        assert b'"sealed":"erased"' in told
        assert CANARY.encode() not in told
        assert [one.personal(entry) for entry in one.read("default", 0, 9)] == ["erased", "erased", "", "erased"]
    assert hits(tmp_path, CANARY) == []
