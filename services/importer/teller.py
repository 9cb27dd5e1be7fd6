"""Tells the journal what lines say: a line wholly or not at all."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final, Protocol

import msgspec

from events import codec
from events.codec import InvalidEvent
from events.envelope import MAX_EVENT_BYTES
from events.planning import CalendarDefined
from services.clock import now_ms
from services.importer.mapping import MappingError
from services.importer.translate import Made, Piece
from services.ingest import Currencies, Ingest
from services.journal.port import Journal, Refused
from services.settings import Settings

BATCH: Final = 2000
"""Events, or refusals, told in one go."""
MOST_LISTED: Final = 10_000
"""Refusals that a report spells out; every one of them is a dead letter."""
HOPELESS: Final = 1000
"""So many refusals before the first good line of a file: then it is the mapping that does not fit."""

_encode: Final = msgspec.json.Encoder().encode


class Company(Protocol):
    """Whom something is told: the part of a workspace that an import needs."""

    @property
    def settings(self) -> Settings: ...

    @property
    def journal(self) -> Journal: ...

    def ingest(self) -> Ingest: ...


class Teller:
    """Takes what lines tell, and keeps count. In a dry run nothing is written."""

    def __init__(self, company: Company, *, source: str, dry_run: bool) -> None:
        self._tenant: Final = company.settings.tenant
        self._journal: Final = company.journal
        self._ingest: Final = company.ingest()
        self._currencies: Final = Currencies(company.journal, company.settings.currency)
        self._source: Final = source
        self._dry_run: Final = dry_run
        self._events: list[tuple[str, int, Made]] = []
        self._refusals: list[Refused] = []
        self._listed: list[dict[str, Any]] = []
        self._counts: Counter[str] = Counter()
        self._told: Counter[str] = Counter()
        self._examples: list[dict[str, Any]] = []
        self._good = 0
        """Good lines of the file that is being read."""

    @property
    def currency(self) -> str:
        """The currency of amounts that name none."""
        return self._currencies.of(self._tenant)

    def check_once(self, name: str, events: Sequence[Made]) -> None:
        """Raises MappingError where something that a mapping itself says is no event."""
        for number, made in enumerate(events, 1):
            try:
                self._check(made.event)
            except InvalidEvent as error:
                raise MappingError(f"{name}: once[{number}] {error}") from None

    def tell_once(self, name: str, events: Sequence[Made]) -> None:
        """Takes what a mapping itself says."""
        for number, made in enumerate(events, 1):
            self._take(name, number, made)

    def begin(self) -> None:
        """A new file begins."""
        self._good = 0

    def tell(self, file: str, header: Sequence[str], piece: Piece) -> bool:
        """Takes a line, and says whether it is good. Raises MappingError where none of a file is."""
        field, problem, id_ = piece.field, piece.problem, None
        for made in [] if problem else piece.events:
            try:
                self._check(made.event)
            except InvalidEvent as error:
                field, problem, id_ = error.field, f"{made.event['type']} {error}", made.event["id"]
                break
        if problem:
            reason = problem if id_ is not None else f"{field} {problem}"
            self._refuse(file, piece, reason, id_, dict(zip(header, piece.cells, strict=False)), field)
            return False
        self._good += 1
        for made in piece.events:
            self._take(file, piece.line, made)
        if len(self._events) >= BATCH or (self._good > 0 and len(self._refusals) >= BATCH):
            self.flush()
        return True

    def flush(self) -> None:
        """Writes what was taken."""
        events, refusals = self._events, self._refusals
        self._events, self._refusals = [], []
        if self._dry_run:
            return
        if refusals:
            self._journal.append([], refusals, now_ms=now_ms())
        new = [each for each in events if not self._stands(each[2])]
        self._counts["duplicate"] += len(events) - len(new)
        outcomes = self._ingest.tell([made.event for _, _, made in new], now_ms=now_ms(), tenant=self._tenant)
        for (file, line, _), outcome in zip(new, outcomes, strict=True):
            self._counts[outcome.status] += 1
            if outcome.reason is not None:
                self._list(file, line, outcome.id, outcome.reason)

    def report(self) -> dict[str, Any]:
        """What became of everything."""
        self.flush()
        report: dict[str, Any] = {
            "accepted": self._counts["accepted"],
            "duplicates": self._counts["duplicate"],
            "refused": self._listed,
            "refused_count": self._counts["refused"],
            "position": self._journal.head(self._tenant).position,
        }
        return report | ({"told": dict(self._told), "examples": self._examples} if self._dry_run else {})

    def _stands(self, made: Made) -> bool:
        """Whether something was told before that stands without a word."""
        id_ = str(made.event["id"])
        return made.first_stands and self._journal.find(self._tenant, self._source, id_) is not None

    def _check(self, event: dict[str, Any]) -> None:
        """Raises InvalidEvent where the journal would refuse the event."""
        told = codec.decode(event | {"tenant": self._tenant}, now_ms=now_ms(), currency=self.currency)
        if len(told.body) > MAX_EVENT_BYTES:
            raise InvalidEvent("event", f"is too long; allowed: at most {MAX_EVENT_BYTES} bytes")
        if isinstance(told.data, CalendarDefined):
            self._currencies.learn(self._tenant, told.at_ms, 0, told.data)

    def _take(self, file: str, line: int, made: Made) -> None:
        type_ = made.event["type"]
        if not self._dry_run:
            self._events.append((file, line, made))
            return
        if not self._told[type_]:
            self._examples.append({"file": file, "line": line, "event": made.event})
        self._told[type_] += 1

    def _refuse(self, file: str, piece: Piece, reason: str, id_: str | None, cells: dict[str, str], field: str) -> None:
        self._list(file, piece.line, id_, reason)
        if not self._good and len(self._refusals) + 1 >= HOPELESS:
            raise MappingError(
                f"the first {HOPELESS} lines of {file} were all refused, so the mapping does not fit it; the last one, "
                f"line {piece.line}: {reason}"
            )
        body = _encode({"file": file, "line": piece.line, "cells": cells})[:MAX_EVENT_BYTES]
        self._refusals.append(
            Refused(
                tenant=self._tenant, reason=reason, field=field, body=body, origin=f"{file}:{piece.line}",
                source=self._source, id=id_ or "",
            )
        )  # fmt: skip

    def _list(self, file: str, line: int, id_: str | None, reason: str) -> None:
        self._counts["refused"] += 1
        if len(self._listed) < MOST_LISTED:
            self._listed.append({"file": file, "line": line, "id": id_, "reason": reason})
