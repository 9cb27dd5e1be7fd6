"""The door of the journal: what anybody tells is decoded here, and taken or refused with a reason.

Nothing is dropped in silence: each thing that was told has one outcome, and whatever is refused is a dead letter.
"""

import gc
import json
from codecs import BOM_UTF8
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from threading import Lock
from typing import Any, Final, Literal, Protocol

import msgspec

from events import codec
from events.codec import InvalidEvent
from events.envelope import DEFAULT_TENANT, MAX_EVENT_BYTES, TENANT, Told
from events.erasures import SubjectErased
from events.personal import SEALED
from events.planning import CalendarDefined
from events.words import is_name
from services.journal.port import Journal, Refused, Verdict, conflict

BATCH: Final = 5000
"""How many events a transaction takes when many are told."""
YOUNG: Final = 100_000
"""So many new objects, a few thousand events, are there before Python looks for cycles among them."""
_ENDED: Final = MAX_EVENT_BYTES + len(b"\r")
"""The longest line that can hold an event."""
_CHUNK: Final = 1 << 16

Raw = bytes | dict[str, Any]
"""An event as it is told: the bytes of a structured CloudEvent, or the object that they stand for."""


class Outcome(msgspec.Struct, frozen=True):
    """What became of one thing that was told."""

    line: int
    """Which it was, from 1."""
    id: str | None
    """None where it does not tell a usable one."""
    status: Literal["accepted", "duplicate", "conflict", "invalid"]
    position: int | None
    """Where its identity stands in the journal; None if it is invalid."""
    reason: str | None = None
    """Why it was refused, in a sentence; None if it was not."""
    field: str | None = None
    """Where the reason lies."""


class RefusedLine(msgspec.Struct, frozen=True):
    """A line that is now a dead letter."""

    line: int
    id: str | None
    reason: str


class BatchReport(msgspec.Struct, frozen=True):
    """What became of a batch. It is in the journal for good."""

    accepted: int
    duplicates: int
    refused: list[RefusedLine]
    position: int
    """The highest position among its accepted events and duplicates; 0 if there are none."""


class Terms(msgspec.Struct, frozen=True):
    """Under which terms something is told."""

    now_ms: int
    importer: bool
    """Whether a ``recordedtime`` is honoured."""
    tenant: str | None
    """Whose door it is: events that name no tenant are theirs, those that name another are refused.
    None: everybody's."""
    origin: str
    """Where it comes from; dead letters name it with the line."""


class Telling(msgspec.Struct, frozen=True):
    """What one of several tells in one go."""

    events: Sequence[Raw]
    tenant: str | None
    """As in Terms."""
    origin: str


class Currencies:
    """The currency of each tenant's books, for amounts that name none.

    It is that of the accepted ``calendar.defined`` with the latest ``time``, the later told of two at the same
    time; so it depends on nothing but the journal. ``tenants`` are those to know about; None: all.
    """

    def __init__(self, journal: Journal, default: str, tenants: Iterable[str] | None = None) -> None:
        self._default = default
        self._latest: dict[str, tuple[int, int, str]] = {}
        for tenant in journal.tenants() if tenants is None else tenants:
            for entry in journal.of_type(tenant, [CalendarDefined.TYPE]):
                fact = codec.read(entry)
                assert isinstance(fact.data, CalendarDefined)
                self.learn(tenant, fact.at_ms, fact.position, fact.data)

    def of(self, tenant: str) -> str:
        latest = self._latest.get(tenant)
        return latest[2] if latest else self._default

    def learn(self, tenant: str, at_ms: int, position: int, calendar: CalendarDefined) -> None:
        """Takes note of an accepted calendar."""
        if calendar.currency is not None:
            told = (at_ms, position, calendar.currency)
            self._latest[tenant] = max(self._latest.get(tenant, told), told)


class Ingest:
    """Takes events into a journal. A journal has one of these, and all threads that tell something share it.

    ``default_currency`` is that of tenants who have told none.
    """

    def __init__(self, journal: Journal, default_currency: str) -> None:
        self._journal = journal
        self._currencies = Currencies(journal, default_currency)
        self._taking = Lock()
        """Held from decoding to appending, for a calendar told between them would change the currency."""

    def tell(
        self,
        events: Iterable[Raw],
        *,
        now_ms: int,
        importer: bool = False,
        tenant: str | None = None,
        origin: str = "",
    ) -> list[Outcome]:
        """Takes one batch and says what became of each event, in the order told.

        It is appended at once; only where it tells a calendar, in a part up to there and a part after it.
        """
        terms = Terms(now_ms, importer, tenant, origin)
        return self._take([(line, raw, terms) for line, raw in enumerate(events, 1)], now_ms)

    def tell_together(self, tellings: Sequence[Telling], *, now_ms: int) -> list[list[Outcome]]:
        """Takes what several tell, each under terms of their own, as ``tell`` takes one batch."""
        told: list[tuple[int, Raw, Terms]] = []
        for telling in tellings:
            terms = Terms(now_ms, False, telling.tenant, telling.origin)
            told += [(line, raw, terms) for line, raw in enumerate(telling.events, 1)]
        outcomes = iter(self._take(told, now_ms))
        return [list(islice(outcomes, len(telling.events))) for telling in tellings]

    def ingest_lines(
        self,
        lines: Iterable[bytes | None],
        *,
        now: Callable[[], int],
        importer: bool = True,
        batch: int = BATCH,
        tenant: str | None = None,
        origin: str = "",
    ) -> Iterator[BatchReport]:
        """Takes structured CloudEvents, one a line; a report a batch, as it goes. Blank lines are skipped;
        None among them is a pause, and what was told before it is taken at once.

        ``now`` gives the recorded time of each batch. Whatever the size of the batches, the journal is the same. For
        files, see ``lines_of``.
        """
        return self._take_all(_numbered(lines), batch, now, Terms(0, importer, tenant, origin))

    def ingest_dicts(
        self,
        events: Iterable[dict[str, Any]],
        *,
        now: Callable[[], int],
        importer: bool = True,
        batch: int = BATCH,
        tenant: str | None = None,
        origin: str = "",
    ) -> Iterator[BatchReport]:
        """Takes structured CloudEvents that are built already; a report a batch, as it goes."""
        return self._take_all(enumerate(events, 1), batch, now, Terms(0, importer, tenant, origin))

    def _take_all(
        self, told: Iterable[tuple[int, Raw] | None], batch: int, now: Callable[[], int], terms: Terms
    ) -> Iterator[BatchReport]:
        with _collecting_less():
            for part in _parts(told, batch):
                today = msgspec.structs.replace(terms, now_ms=now())
                yield _report(self._take([(line, raw, today) for line, raw in part], today.now_ms))

    def _take(self, told: Iterable[tuple[int, Raw, Terms]], now_ms: int) -> list[Outcome]:
        outcomes: list[Outcome] = []
        judged: list[tuple[int, Told | Refused]] = []
        with self._taking:
            for line, raw, terms in told:
                event = self._judge(line, raw, terms)
                judged.append((line, event))
                if isinstance(event, Told) and event.type == CalendarDefined.TYPE:
                    # The amounts that follow may be in the currency it names, if the journal accepts it.
                    outcomes += self._append(judged, now_ms)
                    judged = []
            return outcomes + self._append(judged, now_ms)

    def _judge(self, line: int, raw: Raw, terms: Terms) -> Told | Refused:
        return judge(line, raw, terms, self._currencies.of)

    def _append(self, judged: Sequence[tuple[int, Told | Refused]], now_ms: int) -> list[Outcome]:
        if not judged:
            return []
        told = [event for _, event in judged if isinstance(event, Told)]
        refused = [event for _, event in judged if isinstance(event, Refused)]
        verdicts = self._journal.append(told, refused, now_ms=now_ms)
        if told and verdicts[-1].status == "accepted" and isinstance(told[-1].data, CalendarDefined):
            self._currencies.learn(told[-1].tenant, told[-1].at_ms, verdicts[-1].position, told[-1].data)
        next_verdict = iter(verdicts)
        return [
            _refused(line, event) if isinstance(event, Refused) else _judged(line, event, next(next_verdict))
            for line, event in judged
        ]


@contextmanager
def _collecting_less() -> Iterator[None]:
    """Events hold no cycles, and a batch of them is many objects: the collector would go through them again and again,
    which takes a seventh of the time."""
    before = gc.get_threshold()
    gc.set_threshold(YOUNG, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


def judge(line: int, raw: Raw, terms: Terms, currency_of: Callable[[str], str]) -> Told | Refused:
    """What was told, as an event or as the dead letter that it becomes. ``currency_of`` a tenant is its books'."""
    told: dict[str, Any] = {}
    try:
        told = _parsed(raw)
        currency = currency_of(_name_tenant(told, terms.tenant))
        event = codec.decode(told, now_ms=terms.now_ms, currency=currency, importer=terms.importer)
        if not terms.importer:
            refuse_reserved(event)
        if isinstance(raw, dict) and len(event.body) > MAX_EVENT_BYTES:
            raise _too_long()
        return event
    except InvalidEvent as error:
        return _refusal(line, raw, told, error, terms)


def refuse_reserved(event: Told) -> None:
    """Raises InvalidEvent for what only we may tell, or who brings back a history that we wrote."""
    if event.type == SubjectErased.TYPE:
        raise InvalidEvent("type", f"is {event.type}, which `salestream erase` tells; allowed: any other type")
    if b'"sealed":' in event.body and SEALED in msgspec.json.decode(event.body):
        raise InvalidEvent(SEALED, "is written by the journal; allowed: absent, and personal fields in data")


class Readable(Protocol):
    """A binary file that gives what it has, as the standard library's buffered ones do."""

    def read(self, size: int, /) -> bytes: ...

    def read1(self, size: int, /) -> bytes: ...


def lines_of(file: Readable, pauses: Callable[[], bool] = bool) -> Iterator[bytes | None]:
    """The lines of a file, and None where it ``pauses``: where nothing more is there for now.

    Of a line too long for an event only as much is kept as shows that; the byte order mark that some spreadsheets
    write first is left out.
    """
    chunk, rest, cut = (file.read(len(BOM_UTF8)) + file.read1(_CHUNK)).removeprefix(BOM_UTF8), b"", False
    while chunk:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            if not cut:
                yield line
            cut = False
        if len(rest) > _ENDED:
            if not cut:
                yield rest
            rest, cut = b"", True
        if pauses():
            yield None
        chunk = file.read1(_CHUNK)
    if rest and not cut:
        yield rest


def _parts(told: Iterable[tuple[int, Raw] | None], size: int) -> Iterator[list[tuple[int, Raw]]]:
    """Batches of at most so many; what was told before a pause does not wait for what is told after it."""
    part: list[tuple[int, Raw]] = []
    for each in told:
        if each is not None:
            part.append(each)
        if part and (each is None or len(part) == size):
            yield part
            part = []
    if part:
        yield part


def _parsed(raw: Raw) -> dict[str, Any]:
    """The event as an object of our own. Raises InvalidEvent."""
    if isinstance(raw, dict):
        return raw.copy()
    if len(raw) > MAX_EVENT_BYTES:
        raise _too_long()
    return codec.parse(raw)


def _too_long() -> InvalidEvent:
    return InvalidEvent("event", f"is too long; allowed: at most {MAX_EVENT_BYTES} bytes")


def _numbered(lines: Iterable[bytes | None]) -> Iterator[tuple[int, bytes] | None]:
    number = 0
    for line in lines:
        if line is None:
            yield None
            continue
        number += 1
        text = line.removesuffix(b"\n").removesuffix(b"\r")
        if not _is_blank(text):
            yield number, text


def _is_blank(line: bytes) -> bool:
    """Whether a line tells nothing. One that was cut may tell something further on."""
    return len(line) <= MAX_EVENT_BYTES and not line.strip()


def _name_tenant(told: dict[str, Any], owner: str | None) -> str:
    """The tenant of an event, which is written into it. Raises InvalidEvent if it is not the owner of the door."""
    given = told.get("tenant")
    if owner is not None and given not in (None, owner):
        raise InvalidEvent("tenant", f"is another's; allowed: {owner}, or absent")
    told["tenant"] = tenant = (owner or DEFAULT_TENANT) if given is None else given
    return tenant if isinstance(tenant, str) else DEFAULT_TENANT


def _refusal(line: int, raw: Raw, told: dict[str, Any], error: InvalidEvent, terms: Terms) -> Refused:
    tenant = told.get("tenant")
    named = terms.tenant is None and isinstance(tenant, str) and TENANT.match(tenant)
    id_, source = told.get("id"), told.get("source")
    body = raw if isinstance(raw, bytes) else json.dumps(raw, default=str).encode()
    return Refused(
        tenant=str(tenant) if named else terms.tenant or DEFAULT_TENANT,
        reason=str(error),
        field=error.field,
        body=body[:MAX_EVENT_BYTES],
        origin=f"{terms.origin}:{line}" if terms.origin else "",
        source=str(source) if is_name(source) else "",
        id=str(id_) if is_name(id_) else "",
    )


def _refused(line: int, event: Refused) -> Outcome:
    return Outcome(line, event.id or None, "invalid", None, event.reason, event.field)


def _judged(line: int, event: Told, verdict: Verdict) -> Outcome:
    if verdict.status != "conflict":
        return Outcome(line, event.id, verdict.status, verdict.position)
    refusal = conflict(event, verdict.position)
    return Outcome(line, event.id, "conflict", verdict.position, refusal.reason, refusal.field)


def _report(outcomes: Sequence[Outcome]) -> BatchReport:
    statuses = [outcome.status for outcome in outcomes]
    stand = [o.position for o in outcomes if o.position is not None and o.reason is None]
    return BatchReport(
        accepted=statuses.count("accepted"),
        duplicates=statuses.count("duplicate"),
        refused=[RefusedLine(o.line, o.id, o.reason) for o in outcomes if o.reason is not None],
        position=max(stand, default=0),
    )
