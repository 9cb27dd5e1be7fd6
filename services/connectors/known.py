"""What is known already of the entity that a change is about, and what follows for what the change leaves out."""

from collections.abc import Iterable, Sequence
from typing import Any, Final, Protocol

import msgspec


class Void(msgspec.Struct, frozen=True):
    """A voiding of an event."""

    position: int
    deleted_ms: int
    """When its record was deleted; 0 where another reason is given."""


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """An event that stands in the journal."""

    position: int
    source: str
    id: str
    type: str
    at_ms: int
    data: dict[str, Any]
    filled: str = ""
    """The fields that were not told but taken from what was known, joined by commas."""
    native: str = ""
    """The change that told it; empty if no webhook did."""
    told_ms: int = 0
    """When that change happened there."""
    void: "Void | None" = None
    """How it was voided; None: it stands."""

    @property
    def deleted_ms(self) -> int:
        """When its record was deleted, where that is why it was voided; else 0."""
        return self.void.deleted_ms if self.void is not None else 0


class State(Protocol):
    """Our own books, as far as a translation needs them."""

    def expect(self, keys: Sequence[tuple[str, str]]) -> None:
        """A delivery begins, which is about these entities, by kind and id: they can be read in one go."""
        ...

    def history(self, kind: str, entity: str) -> Sequence[Known]:
        """All events of a deal or lead, also voided ones, by position."""
        ...

    def told(self, id_: str) -> Sequence[Known]:
        """What this source told under an id and its revisions ``id~2``, ``id~3`` …, in order."""
        ...

    def deleted_ms(self, marker: str) -> int:
        """When a record was deleted last; 0 if it never was. See ``marker_of``."""
        ...


class Nothing:
    """The state of empty books."""

    def expect(self, keys: Sequence[tuple[str, str]]) -> None:
        return

    def history(self, kind: str, entity: str) -> Sequence[Known]:
        return ()

    def told(self, id_: str) -> Sequence[Known]:
        return ()

    def deleted_ms(self, marker: str) -> int:
        return 0


class Deal(msgspec.Struct):
    """A deal at a moment."""

    status: str = ""
    """Empty: not known; open, won or lost."""
    stage: str | None = None
    amount: str | None = None
    currency: str | None = None


def deal_at(history: Iterable[Known], at_ms: int) -> Deal:
    """The deal as of a moment, after the events of that very moment."""
    deal = Deal()
    for known in in_order(history):
        if known.at_ms > at_ms or known.void:
            continue
        data = known.data
        deal.stage = data.get("to_stage") or data.get("stage") or deal.stage
        if data.get("amount") is not None and "amount" not in known.filled.split(","):
            deal.amount, deal.currency = data["amount"], data.get("currency", deal.currency)
        match known.type:
            case "deal.won":
                deal.status = "won"
            case "deal.lost":
                deal.status = "lost"
            case "deal.reopened":
                deal.status = "open"
            case _:
                deal.status = deal.status or "open"
    return deal


def in_order(history: Iterable[Known]) -> list[Known]:
    """As the books read it."""
    return sorted(history, key=lambda known: (known.at_ms, known.position))


MARK: Final = ":record"
"""The end of the id that stands for a record as a whole. Nothing is told under it: that it is voided says that the
record was deleted, also to changes that come late."""
DELETED: Final = "the record was deleted"
"""Why events of a deleted record are voided."""


def revision(id_: str, number: int) -> str:
    """The id of the ``number``-th telling of what was told wrongly before."""
    return id_ if number == 1 else f"{id_}~{number}"


def noted(voids: "dict[tuple[str, str], Void]", identity: tuple[str, str], void: "Void") -> None:
    """Takes note of a voiding. The first of an event counts; of a deleted record the latest."""
    known = voids.get(identity)
    if known is None or (identity[1].endswith(MARK) and void.deleted_ms > known.deleted_ms):
        voids[identity] = void


def latest(history: Iterable[Known]) -> list[Known]:
    """Of what was told more than once, the latest telling; each at the position of its first."""
    found: dict[tuple[str, str], Known] = {}
    for known in history:
        key = known.source, without_revision(known.id)
        position = found[key].position if key in found else known.position
        found[key] = msgspec.structs.replace(known, position=position)
    return list(found.values())


def without_revision(id_: str) -> str:
    """The id under which something was told first."""
    first, mark, number = id_.rpartition("~")
    return first if mark and number.isdecimal() else id_
