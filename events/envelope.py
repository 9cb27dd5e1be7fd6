"""The CloudEvents envelope, at its three stations: told, journalled, read back.

``time`` is the occurred clock: when it happened in the world. ``recordedtime`` is the recorded clock: when the
journal learned it. Both are milliseconds since 1970 UTC inside.
"""

import re
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

import msgspec

from events.base import SalesEvent

MAX_EVENT_BYTES: Final = 64 * 1024
MAX_BATCH_EVENTS: Final = 1000
MAX_BATCH_BYTES: Final = 8 * 1024 * 1024
MAX_AHEAD_MS: Final = 24 * 3600 * 1000
"""How far ``time`` may lie in the future."""

DEFAULT_TENANT: Final = "default"
TENANT: Final = re.compile(r"[a-z0-9_-]{1,64}\Z")


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """A valid event on its way into the journal."""

    tenant: str
    source: str
    id: str
    type: str
    at_ms: int
    subject: str
    """The id of the entity it is about."""
    digest: bytes
    """Of the content as told. The same identity with another digest is a conflict."""
    body: bytes
    """The canonical structured CloudEvent, as JSON."""
    recorded_ms: int | None = None
    """The recorded time an importer asks for; None: now."""
    data: SalesEvent


class Entry(msgspec.Struct, frozen=True, gc=False):
    """A line of the journal: an event in its place."""

    tenant: str
    position: int
    recorded_ms: int
    source: str
    id: str
    type: str
    at_ms: int
    subject: str
    body: bytes


Place = tuple[int, int, str, str, str, int, str, bytes]
"""The fields of an entry but for its tenant: for who reads many and makes columns of them."""


class Fact(msgspec.Struct, frozen=True, gc=False):
    """An event as the books read it."""

    position: int
    recorded_ms: int
    at_ms: int
    source: str
    id: str
    kind: str
    entity: str
    data: SalesEvent


RFC_3339: Final = re.compile(
    r"\d{4}-\d\d-\d\d[Tt]([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,9})?([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)\Z",
    re.ASCII,
)
"""A moment with its offset; that the day is one of the calendar is left to see."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def to_ms(moment: datetime) -> int:
    """Milliseconds since 1970 UTC of an aware moment; what is finer is cut off."""
    assert moment.tzinfo is not None, "a moment needs a zone"
    since = moment - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1000 + since.microseconds // 1000


def to_moment(ms: int) -> datetime:
    """The aware UTC moment of milliseconds since 1970."""
    return _EPOCH + timedelta(milliseconds=ms)


def to_text(ms: int, zone: tzinfo = UTC) -> str:
    """ISO 8601, in UTC if not in a zone, with milliseconds only where there are some: ``2026-11-22T03:04:05Z``."""
    moment = to_moment(ms).astimezone(zone)
    return moment.isoformat(timespec="milliseconds" if ms % 1000 else "seconds").replace("+00:00", "Z")
