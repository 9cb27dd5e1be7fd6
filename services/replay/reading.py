"""Reading history out: which events, how fast, and into what."""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final, Protocol

import msgspec

from events.codec import export
from events.envelope import Entry
from services.journal.port import Journal

CHUNK: Final = 5000
"""Events read from the journal in one go, and rows of a group in a Parquet file."""
ATTRIBUTES: Final = ("type", "source", "id", "subject")
"""What an event can be chosen by, beside the fields of its data."""


class Filter(msgspec.Struct, frozen=True):
    """``name=value`` pairs as they were told; values of one name are alternatives, and all names must hold."""

    wanted: dict[str, frozenset[str]]

    def takes(self, entry: Entry) -> bool:
        """Whether an event is one of those."""
        return all(_value(entry, name) in values for name, values in self.wanted.items())


def chosen(told: Sequence[str], types: Sequence[str] = ()) -> Filter:
    """The filter of ``name=value`` pairs. Raises ValueError with what is allowed."""
    wanted: dict[str, set[str]] = {"type": set(types)} if types else {}
    for pair in told:
        name, equals, value = pair.partition("=")
        if not equals or (name not in ATTRIBUTES and not name.startswith("data.")):
            allowed = ", ".join(f"{each}=…" for each in ATTRIBUTES)
            raise ValueError(f"{pair!r} is no filter; allowed: {allowed}, data.<field>=…")
        wanted.setdefault(name, set()).add(value)
    return Filter({name: frozenset(values) for name, values in wanted.items()})


def _value(entry: Entry, name: str) -> str:
    if name in ATTRIBUTES:
        return str(getattr(entry, name))
    found: Any = json.loads(entry.body)
    for key in name.split("."):
        found = found.get(key) if isinstance(found, dict) else None
    return "" if found is None else str(found)


def entries(
    journal: Journal, tenant: str, first: int, last: int, which: Filter, passed: Callable[[int], None]
) -> Iterator[Entry]:
    """The events of a stretch that the filter takes, in order. ``passed`` is told how many were read."""
    after = first - 1
    while after < last and (found := journal.read(tenant, after, min(CHUNK, last - after))):
        after = found[-1].position
        yield from (entry for entry in found if which.takes(entry))
        passed(len(found))


def paced(found: Iterable[Entry], speed: float | None, sleep: Callable[[float], None] = time.sleep) -> Iterator[Entry]:
    """Each event ``speed`` times as early after the first as it was recorded; as fast as it goes where None."""
    first_ms: int | None = None
    start = time.monotonic()
    for entry in found:
        if speed is not None:
            first_ms = entry.recorded_ms if first_ms is None else first_ms
            early_s = (entry.recorded_ms - first_ms) / 1000 / speed - (time.monotonic() - start)
            if early_s > 0:
                sleep(early_s)
        yield entry


class Sink(Protocol):
    """Takes events, and is finished when its context ends well."""

    def write(self, entry: Entry) -> None:
        """Take one more."""

    def flush(self) -> None:
        """Let who watches see what was taken."""


class Lines:
    """CloudEvents, one a line, each with its recorded time."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out

    def write(self, entry: Entry) -> None:
        self._out.write(export(entry) + b"\n")

    def flush(self) -> None:
        self._out.flush()


class Parquet:
    """A Parquet file: the attributes as columns, ``data`` as JSON, and ``event``, the whole CloudEvent."""

    def __init__(self, path: Path) -> None:
        import pyarrow as pa
        from pyarrow import parquet

        text, moment = pa.string(), pa.timestamp("ms", "UTC")
        self._schema = pa.schema(
            [
                ("position", pa.uint64()), ("recordedtime", moment), ("time", moment), ("tenant", text),
                ("source", text), ("id", text), ("type", text), ("subject", text), ("data", text), ("event", text),
            ]
        )  # fmt: skip
        self._writer = parquet.ParquetWriter(path, self._schema, compression="zstd")
        self._table = pa.Table
        self._rows: list[dict[str, Any]] = []

    def write(self, entry: Entry) -> None:
        event = export(entry)
        self._rows.append(
            {
                "position": entry.position, "recordedtime": entry.recorded_ms, "time": entry.at_ms,
                "tenant": entry.tenant, "source": entry.source, "id": entry.id, "type": entry.type,
                "subject": entry.subject, "data": json.dumps(json.loads(event).get("data"), ensure_ascii=False),
                "event": event.decode(),
            }
        )  # fmt: skip
        if len(self._rows) >= CHUNK:
            self._put()

    def flush(self) -> None:
        """A group of rows is written when it is whole: small ones make large files."""

    def _put(self) -> None:
        self._writer.write_table(self._table.from_pylist(self._rows, schema=self._schema))
        self._rows = []

    def close(self) -> None:
        """Write what is left, and the end of the file."""
        if self._rows:
            self._put()
        self._writer.close()


class Topic:
    """A topic of a Kafka cluster: structured CloudEvents by tenant. Raises JournalError."""

    def __init__(self, cluster: Any, topic: str) -> None:
        self._cluster = cluster
        self._topic = topic
        self._producer = cluster.producer()
        self._sent: list[Any] = []

    def write(self, entry: Entry) -> None:
        from services.kafka.clients import in_a_sentence

        headers = [("content-type", b"application/cloudevents+json; charset=UTF-8")]
        with in_a_sentence(self._cluster):
            self._sent.append(self._producer.send(self._topic, export(entry), entry.tenant.encode(), headers))
        if len(self._sent) >= CHUNK:
            self.flush()

    def flush(self) -> None:
        from services.kafka.clients import in_a_sentence

        with in_a_sentence(self._cluster):
            self._producer.flush(timeout=self._cluster.timeout_s + 5)
            for sent in self._sent:
                sent.get(timeout=1)
        self._sent = []

    def close(self) -> None:
        """Let go of the connections."""
        self._producer.close(timeout=1)


@contextmanager
def into_file(path: Path) -> Iterator[Sink]:
    """A file, which is there only when it is whole; a pipe is written as it comes. By its name JSONL or Parquet."""
    whole = path.is_file() or not path.exists()
    part = path.with_name(f"{path.name}.part") if whole else path
    try:
        if path.suffix == ".parquet":
            table = Parquet(part)
            try:
                yield table
            finally:
                table.close()
        else:
            with part.open("wb") as out:
                yield Lines(out)
        if whole:
            part.replace(path)
    finally:
        if whole:
            part.unlink(missing_ok=True)


@contextmanager
def into_topic(cluster: Any, topic: str) -> Iterator[Sink]:
    """A topic that exists; when this ends well, every replica in sync has everything."""
    sink = Topic(cluster, topic)
    try:
        yield sink
        sink.flush()
    finally:
        sink.close()


def written(found: Iterable[Entry], sink: Sink, *, at_once: bool) -> int:
    """Write events; how many. ``at_once``: who watches sees each as it comes."""
    count = 0
    for entry in found:
        sink.write(entry)
        if at_once:
            sink.flush()
        count += 1
    sink.flush()
    return count
