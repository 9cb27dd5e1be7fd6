"""What a journal on Kafka promises beside the contract, on topics as `salestream setup` makes them."""

import uuid
from pathlib import Path
from threading import Thread

import pytest
from kafka import TopicPartition

from services.clock import now_ms
from services.journal.kafka import KafkaJournal
from services.journal.mirror import remove
from services.journal.port import JournalError, Tally, Verdict
from services.kafka.feeder import Feeder
from services.kafka.log import Log
from services.kafka.topics import Names
from tests.kafka.broker import Kafka
from tests.kafka.topics import cluster, make
from tests.services.journal.telling import NOW_MS, everything, ids, invalid, told


@pytest.fixture
def names(kafka: Kafka) -> Names:
    """Topics of this test's own."""
    return make(kafka, f"own-{uuid.uuid4().hex[:8]}")


def opened(kafka: Kafka, path: Path, names: Names) -> KafkaJournal:
    """The journal, with a mirror at a path."""
    return KafkaJournal(path, cluster(kafka), names)


def test_the_recorded_time_is_the_brokers(kafka: Kafka, names: Names, tmp_path: Path) -> None:
    before = now_ms()
    with opened(kafka, tmp_path / "m", names) as journal:
        journal.append([told("1"), told("2", recorded_ms=NOW_MS - 5), told("3")], now_ms=12345)
        recorded = [entry.recorded_ms for entry in everything(journal)]

    assert before - 1000 <= recorded[0] == recorded[1] <= recorded[2] <= now_ms() + 1000


def test_a_lost_mirror_comes_out_the_same(kafka: Kafka, names: Names, tmp_path: Path) -> None:
    with opened(kafka, tmp_path / "m", names) as journal:
        for n in range(12):
            tenant = "acme" if n % 2 else "default"
            journal.append([told(str(n % 9), tenant=tenant)], [invalid(tenant=tenant)] * (n % 3), now_ms=0)
        journal.append([told("1", "timing", tenant="acme")], now_ms=0)
        journal.close_letter("acme", 2, "discarded")
        expected = [
            (everything(journal, tenant), journal.letters(tenant, open_only=False), journal.tally(tenant))
            for tenant in journal.tenants()
        ]
    remove(tmp_path / "m")

    with opened(kafka, tmp_path / "m", names) as journal:
        assert expected == [
            (everything(journal, tenant), journal.letters(tenant, open_only=False), journal.tally(tenant))
            for tenant in journal.tenants()
        ]


def test_two_writers_agree(kafka: Kafka, names: Names, tmp_path: Path) -> None:
    """Each has a mirror of its own, as in two processes; each gets the verdicts that both mirrors hold."""
    verdicts: dict[str, list[Verdict]] = {"a": [], "b": []}

    def tell(name: str, journal: KafkaJournal) -> None:
        for n in range(25):
            verdicts[name] += journal.append([told(f"{name}-{n}"), told(f"shared-{n}")], now_ms=0)

    with opened(kafka, tmp_path / "a", names) as one, opened(kafka, tmp_path / "b", names) as two:
        threads = [Thread(target=tell, args=each) for each in (("a", one), ("b", two))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert one.head("default") == two.head("default")
        assert everything(one) == everything(two)
        assert one.tally("default") == two.tally("default") == Tally(100, 75, 25, 0)
    assert sum(each.status == "accepted" for each in verdicts["a"] + verdicts["b"]) == 75


def test_the_inbox_is_fed_once_by_two_workers(kafka: Kafka, names: Names, tmp_path: Path) -> None:
    batch = [(offset, told(str(offset))) for offset in range(5)]
    with opened(kafka, tmp_path / "a", names) as one, opened(kafka, tmp_path / "b", names) as two:
        assert Feeder(one).feed({2: batch[:4]}, now_ms=0) == [Verdict("accepted", n) for n in (1, 2, 3, 4)]
        assert Feeder(two).feed({2: [(0, invalid()), *batch[1:]]}, now_ms=0) == [None] * 4 + [Verdict("accepted", 5)]

        assert one.tally("default") == two.tally("default") == Tally(5, 5, 0, 0)
        assert one.watermark(2) == two.watermark(2) == 4


def test_refusals_are_copied_to_the_dead_letters(kafka: Kafka, names: Names, tmp_path: Path) -> None:
    with opened(kafka, tmp_path / "m", names) as journal:
        journal.append([told("1")], [invalid(b"\xff")], now_ms=0)
        journal.append([told("1", "timing")], now_ms=0)

    with Log(cluster(kafka), names.dead_letters) as log:
        starts = dict.fromkeys(range(log.partitions), 0)
        copies = [record for records, _ in log.read(starts, log.ends()) for record in records]
    assert [(copy.key, copy.value) for copy in copies] == [
        (b"default", b"\xff"),
        (b"default", told("1", "timing").body),
    ]
    assert b'"reason":"type is missing"' in dict(copies[0].headers)["salestream"]


def test_a_topic_made_anew_gets_a_mirror_made_anew(kafka: Kafka, names: Names, tmp_path: Path) -> None:
    with opened(kafka, tmp_path / "m", names) as journal:
        journal.append([told("1")], now_ms=0)
    admin = cluster(kafka).admin()
    admin.delete_topics([names.journal])
    admin.close()
    make(kafka, names.prefix)

    with opened(kafka, tmp_path / "m", names) as journal:
        assert journal.tenants() == []
        journal.append([told("2")], now_ms=0)
        assert ids(journal) == ["2"]


def test_records_that_expired_are_an_error(kafka: Kafka, names: Names, tmp_path: Path) -> None:
    with opened(kafka, tmp_path / "m", names) as journal:
        journal.append([told("1"), told("2")], now_ms=0)
    admin = cluster(kafka).admin()
    number = next(n for n, end in _ends(kafka, names).items() if end)
    admin.delete_records({TopicPartition(names.journal, number): 1})
    admin.close()

    with pytest.raises(JournalError, match="no longer holds a record that is needed"):
        opened(kafka, tmp_path / "other", names)
    with opened(kafka, tmp_path / "m", names) as journal:
        assert ids(journal) == ["1", "2"]


def _ends(kafka: Kafka, names: Names) -> dict[int, int]:
    with Log(cluster(kafka), names.journal) as log:
        return log.ends()


def test_a_missing_topic_is_a_sentence(kafka: Kafka, tmp_path: Path) -> None:
    with pytest.raises(JournalError, match=r"has no topic nowhere.journal; make it with `salestream setup`"):
        opened(kafka, tmp_path / "m", Names("nowhere"))
