"""Mirrors of a topic: always the same, whoever makes them, and right whatever was written twice."""

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.journal.mirror import Mirror, remove
from services.journal.port import JournalError, Tally
from services.kafka.clients import partition_of
from services.kafka.records import Decision, Outgoing
from tests.services.journal.telling import NOW_MS, everything, ids, invalid, told
from tests.services.journal.topic import Topic

TENANTS = ("acme", "globex", "default")


def mirror(path: Path, topic: Topic, name: str = "topic") -> Mirror:
    """The mirror at a path."""
    return Mirror(path / "mirror.sqlite", topic, name)


def content(found: Mirror) -> dict[str, Any]:
    """All that anybody can see of a mirror."""
    tenants = {
        tenant: (everything(found, tenant), found.letters(tenant, open_only=False), found.tally(tenant))
        for tenant in found.tenants()
    }
    return tenants | {"strangers": found.strangers()}


said = st.one_of(
    st.builds(
        told,
        st.sampled_from("123456"),
        st.sampled_from(["price", "timing"]),
        tenant=st.sampled_from(TENANTS),
        recorded_ms=st.none() | st.integers(NOW_MS - 900, NOW_MS),
    ),
    st.builds(invalid, tenant=st.sampled_from(TENANTS)),
    st.builds(Decision, st.sampled_from(TENANTS), st.integers(1, 4), st.sampled_from(["retried", "discarded"])),
    st.just(Outgoing("acme", b"{}", [], NOW_MS)),
)


@given(
    records=st.lists(st.tuples(said, st.integers(NOW_MS - 50, NOW_MS + 50)), max_size=40),
    sizes=st.lists(st.integers(1, 9), min_size=1, max_size=4),
    again=st.integers(0, 5),
)
def test_any_batching_makes_the_same_mirror(records: list[Any], sizes: list[int], again: int) -> None:
    topic = Topic()
    for each, at_ms in records:
        if isinstance(each, Outgoing):
            topic.put(each)
        else:
            topic.write(each, at_ms)

    with TemporaryDirectory() as one, TemporaryDirectory() as two:
        with mirror(Path(one), topic) as whole:
            whole.catch_up()
            expected = content(whole)
        batches = topic.cut(sizes)
        for batch in batches:
            with mirror(Path(two), topic) as pieces:
                pieces.take(batch)
                pieces.take(batches[min(again, len(batches) - 1)][: 1 if again else 0])
        with mirror(Path(two), topic) as pieces:
            assert content(pieces) == expected


def test_recorded_times_never_go_back_though_the_broker_does(tmp_path: Path) -> None:
    topic = Topic()
    for n, at_ms in enumerate([NOW_MS, NOW_MS - 70, NOW_MS + 5, NOW_MS - 1]):
        topic.write(told(str(n)), at_ms)
    topic.write(told("other", tenant="acme"), NOW_MS - 90)

    with mirror(tmp_path, topic) as found:
        found.catch_up()
        assert [entry.recorded_ms for entry in everything(found)] == [NOW_MS, NOW_MS, NOW_MS + 5, NOW_MS + 5]
        assert [entry.recorded_ms for entry in everything(found, "acme")] == [NOW_MS - 90]


def test_what_is_missing_before_a_batch_is_read_first(tmp_path: Path) -> None:
    topic = Topic()
    for n in range(9):
        topic.write(told(str(n)), NOW_MS)

    with mirror(tmp_path, topic) as found:
        found.take(topic.written[:2])
        found.take(topic.written[6:7])
        assert found.next_offset(partition_of("default", 2)) == 7
        assert ids(found) == ["0", "1", "2", "3", "4", "5", "6"]
        found.take(topic.written[3:9])
        assert ids(found) == [str(n) for n in range(9)]


def test_a_worker_takes_the_partitions_it_names_and_follows_the_others(tmp_path: Path) -> None:
    topic = Topic()
    ours, theirs = partition_of("default", 2), partition_of("acme", 2)
    assert ours != theirs
    for n in range(9):
        topic.write(told(str(n)), NOW_MS)
        topic.write(told(str(n), tenant="acme"), NOW_MS)

    with mirror(tmp_path, topic) as found:
        found.catch_up({ours})
        assert (found.next_offset(ours), found.next_offset(theirs)) == (9, 0)
        found.follow({theirs}, 4)
        assert (found.next_offset(ours), found.next_offset(theirs)) == (9, 4)
        assert ids(found, "acme") == ["0", "1", "2", "3"]
        found.follow({theirs}, 100)
        assert found.heads() == {"default": 9, "acme": 9}
        found.follow(set(), 4)


def test_a_decision_stands_and_names_a_letter_that_is_there(tmp_path: Path) -> None:
    topic = Topic()
    for each in (
        Decision("default", 1, "retried"),
        invalid(),
        invalid(),
        Decision("default", 1, "discarded"),
        Decision("default", 1, "retried"),
        Decision("acme", 1, "retried"),
    ):
        topic.write(each, NOW_MS)

    with mirror(tmp_path, topic) as found:
        found.catch_up()
        assert [letter.outcome for letter in found.letters("default", open_only=False)] == ["discarded", None]
        assert found.tally("default") == Tally(2, 0, 0, 2)


@pytest.mark.parametrize(
    ("out", "reason"),
    [
        (Outgoing("acme", b"{}", [], NOW_MS), "it does not say what it is"),
        (Outgoing("acme", b"{}", [("salestream", b'{"kind": "event"}')], NOW_MS), "it is not as Salestream writes it"),
        (Outgoing("ACME", b"{}", [("salestream", b"{}")], NOW_MS), "its key is no tenant"),
        (Outgoing("acme", b"", [("salestream", b'{"kind": "sale"}')], NOW_MS), "it is not as Salestream writes it"),
        (Outgoing("acme", b"", [("salestream", b"\xff")], NOW_MS), "it is not as Salestream writes it"),
    ],
)
def test_what_is_not_ours_is_passed_over_and_seen(tmp_path: Path, out: Outgoing, reason: str) -> None:
    topic = Topic(1)
    topic.write(told("1", tenant="acme"), NOW_MS)
    topic.put(out)
    topic.write(told("2", tenant="acme"), NOW_MS)

    with mirror(tmp_path, topic) as found:
        found.catch_up()
        assert ids(found, "acme") == ["1", "2"]
        (stranger,) = found.strangers()
        assert (stranger.partition, stranger.offset) == (0, 1)
        assert stranger.reason.startswith(reason)


def test_an_event_in_another_partition_is_passed_over(tmp_path: Path) -> None:
    """Two partitions have no order between them, so a tenant's events there would have none either."""
    topic = Topic()
    topic.write(told("1"), NOW_MS)
    (record,) = topic.written
    topic.put(Outgoing("default", record.value or b"", record.headers, NOW_MS), 1 - record.partition)

    with mirror(tmp_path, topic) as found:
        found.catch_up()
        assert found.tally("default") == Tally(1, 1, 0, 0)
        assert "another partition" in found.strangers()[0].reason


def test_the_mirror_of_another_topic_is_made_anew(tmp_path: Path) -> None:
    first, second = Topic(), Topic()
    first.write(told("1"), NOW_MS)
    second.write(told("2"), NOW_MS)
    with mirror(tmp_path, first) as found:
        found.catch_up()

    with mirror(tmp_path, second, "the topic made anew") as found:
        assert found.head("default").position == 1
        assert ids(found) == ["2"]


def test_a_topic_that_lost_records_is_an_error(tmp_path: Path) -> None:
    topic, shorter = Topic(), Topic()
    for n in range(3):
        topic.write(told(str(n)), NOW_MS)
    shorter.write(told("0"), NOW_MS)
    with mirror(tmp_path, topic) as found:
        found.catch_up()

    with mirror(tmp_path, shorter) as found, pytest.raises(JournalError, match=r"ends at 1, and 3 records .* it lost"):
        found.catch_up()


def test_a_mirror_is_deleted_whole(tmp_path: Path) -> None:
    with mirror(tmp_path, Topic()) as found:
        found.catch_up()
    shutil.copy(tmp_path / "mirror.sqlite", tmp_path / "mirror.sqlite-wal")

    remove(tmp_path / "mirror.sqlite")

    assert list(tmp_path.iterdir()) == []
