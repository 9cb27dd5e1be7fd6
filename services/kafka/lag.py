"""How far behind the workers are, partition by partition."""

import time
from typing import Any, Final

from kafka import KafkaAdminClient, TopicPartition
from kafka.errors import CoordinatorLoadInProgressError, CoordinatorNotAvailableError
from kafka.structs import OffsetAndMetadata

from services.clock import now_ms
from services.journal.kafka import KafkaJournal
from services.kafka.clients import cluster_of, in_a_sentence, partition_of
from services.kafka.log import Log
from services.kafka.topics import Names
from services.settings import Settings
from services.store.port import Store

_PAUSE_S: Final = 0.2


def partitions(settings: Settings, journal: KafkaJournal, store: Store) -> list[dict[str, Any]]:
    """By partition: where the inbox ends and how many of its records are not in the journal; how many events of the
    journal are not in the ledger, and since how many seconds the first of them waits. Raises JournalError.
    """
    names = Names(settings.kafka_prefix)
    with Log(cluster_of(settings), names.inbox) as log:
        ends = log.ends()
    committed = group_offsets(settings, names.inbox)
    waiting = {number: _waiting(journal, store, number) for number in ends}
    now = now_ms()
    return [
        {
            "partition": number,
            "inbox": end,
            "inbox_lag": max(end - max(committed.get(number, 0), journal.watermark(number) + 1), 0),
            "journal": journal.next_offset(number),
            "ledger_lag": waiting[number][0],
            "ledger_lag_s": max(now - waiting[number][1], 0) / 1000 if waiting[number][0] else 0.0,
        }
        for number, end in sorted(ends.items())
    ]


def group_offsets(settings: Settings, topic: str) -> dict[int, int]:
    """Where the workers' group reads on in a topic, of each partition that it has read. Raises JournalError."""
    cluster = cluster_of(settings)
    admin = cluster.admin()
    try:
        with in_a_sentence(cluster):
            offsets = _offsets(admin, settings.group, time.monotonic() + cluster.timeout_s)
    finally:
        admin.close()
    return {tp.partition: told.offset for tp, told in offsets.items() if tp.topic == topic}


def _offsets(admin: KafkaAdminClient, group: str, deadline: float) -> dict[TopicPartition, OffsetAndMetadata]:
    """A cluster that never had a group needs a moment to find who looks after them."""
    while True:
        try:
            found: dict[TopicPartition, OffsetAndMetadata] = admin.list_group_offsets([group])[group]
            return found
        except (CoordinatorNotAvailableError, CoordinatorLoadInProgressError):
            if time.monotonic() > deadline:
                raise
            time.sleep(_PAUSE_S)


def _waiting(journal: KafkaJournal, store: Store, number: int) -> tuple[int, int]:
    """How many events of a partition's tenants wait, and the recorded time of the first; 0 where none does."""
    count, first_ms = 0, 0
    for tenant in journal.tenants():
        if partition_of(tenant, journal.partitions) == number:
            done = store.checkpoint(tenant).position
            if entries := journal.read(tenant, done, 1):
                count += journal.head(tenant).position - done
                first_ms = min(first_ms or entries[0].recorded_ms, entries[0].recorded_ms)
    return count, first_ms
