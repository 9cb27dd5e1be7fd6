"""Records that are deleted, and brought back: their events never happened, and happened after all."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from events.envelope import to_text
from services.connectors.known import DELETED, MARK, Known, latest, revision, without_revision
from services.connectors.payload import fingerprint
from services.connectors.said import Said
from services.connectors.statement import Statement, Untold, deletion, voiding


class Before(Protocol):
    """What was known before the change."""

    @property
    def source(self) -> str: ...
    @property
    def is_new(self) -> bool:
        """Whether the change was not told yet."""
        ...

    def history(self, kind: str, entity: str) -> Sequence[Known]: ...
    def told(self, id_: str) -> Sequence[Known]: ...
    def deleted_ms(self, marker: str) -> int: ...


def check_meant(said: Said, history: Sequence[Known], before: Before) -> None:
    """Raises Untold for a change that the mapping leaves out, and for one of a record that was deleted since.

    A change that does not tell what the mapping asks for is meant if the record is known.
    """
    change, when = said.change, said.rule.when
    live = [each for each in history if not each.void]
    if when and change.kind != "deleted" and not said.holds(when) and (said.may_have_moved(when) or not live):
        raise Untold(f"{change.record[:60]} {change.kind} is left out by when in the mapping")
    if before.is_new and is_gone(said, before):
        raise Untold(f"{change.record[:60]} {change.kind} is older than the deletion of the record")


def marker_of(said: Said) -> str:
    """What stands for the record as a whole."""
    return f"{fingerprint(said.change.record, said.change.id)}{MARK}"


def is_gone(said: Said, before: Before) -> bool:
    """Whether the record was deleted at or after a change of it."""
    counts = said.rule.deleted == "void" and said.change.kind in ("created", "changed")
    return counts and said.change.at_ms <= before.deleted_ms(marker_of(said))


def removed(said: Said, history: Sequence[Known], before: Before) -> Iterator[Statement]:
    """Takes back what webhooks told of a record; what came another way, such as an import, stands."""
    if said.rule.deleted == "keep":
        raise Untold(f"{said.change.record[:60]} was deleted; its events are kept")
    native = said.change.native
    yield deletion(before.source, native, marker_of(said))
    if not before.told(f"void:{native}"):
        own = (each for each in history if each.native and not each.void and each.told_ms <= said.at_ms)
        yield from (voiding(each.source, each.id, DELETED) for each in own)


def restored(said: Said, history: Sequence[Known]) -> Iterator[Statement]:
    """Tells anew what was taken back. A voiding stands for good, so each has the next id."""
    back = [each for each in latest(history) if each.native and 0 < each.deleted_ms < said.at_ms]
    if not back:
        raise Untold(f"{said.change.record[:60]} was restored, of which nothing had been taken back")
    for each in back:
        first = without_revision(each.id)
        number = int(each.id.removeprefix(first).removeprefix("~") or 1) + 1
        filled = tuple(filter(None, each.filled.split(",")))
        yield Statement(
            role="restored", type=each.type, data=each.data, time=to_text(each.at_ms), filled=filled,
            id=revision(first, number),
        )  # fmt: skip
