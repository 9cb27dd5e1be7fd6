"""Carries a journal over into another one: every event in its place, with its recorded time, and the dead letters."""

from collections.abc import Callable
from typing import Any, Final

from services.journal.port import Journal, JournalError, Letter, Refused
from services.journal.sqlite import SqliteJournal
from services.replay.digest import journal_digest

_CHUNK: Final = 200
"""Events carried in one go: few enough to be one batch of Kafka, which is taken whole or not at all."""


def move(source: SqliteJournal, target: Journal, *, now_ms: int, progress: Callable[[int], None]) -> dict[str, Any]:
    """Carry over what the target does not have yet, and compare the two.

    The target must be empty, or hold the beginning of the same journal, as after a move that was interrupted.
    Duplicates left nothing but a number behind, which is not carried over. Raises JournalError.
    """
    strangers = sorted(set(target.tenants()) - set(source.tenants()))
    if strangers:
        raise JournalError(f"the target holds tenants that the source does not: {', '.join(strangers)}; empty it first")
    tenants = source.tenants()
    starts = {tenant: _agreed(source, target, tenant) for tenant in tenants}
    for tenant in tenants:
        _carry_events(source, target, tenant, starts[tenant], now_ms, progress)
        _carry_letters(source, target, tenant, now_ms)
    return {"tenants": [_compared(source, target, tenant, starts[tenant]) for tenant in tenants]}


def _agreed(source: Journal, target: Journal, tenant: str) -> int:
    """The position up to which both are the same journal, which must be the target's last."""
    head = target.head(tenant).position
    same = head <= source.head(tenant).position
    if not same or journal_digest(source, tenant, head) != journal_digest(target, tenant, head):
        raise JournalError(
            f"the target holds {head} events of {tenant} that are not the beginning of the source's journal; empty it, "
            "or name another"
        )
    here, there = source.letters(tenant, open_only=False), target.letters(tenant, open_only=False)
    if [_shown(letter) for letter in there] != [_shown(letter) for letter in here[: len(there)]]:
        raise JournalError(
            f"the target holds other dead letters of {tenant} than the source; empty it, or name another"
        )
    return head


def _shown(letter: Letter) -> tuple[Any, ...]:
    """All of a letter but what was decided, which may come later."""
    return (letter.number, letter.recorded_ms, letter.reason, letter.field, letter.body, letter.origin)


def _carry_events(
    source: SqliteJournal, target: Journal, tenant: str, after: int, now_ms: int, progress: Callable[[int], None]
) -> None:
    while batch := source.contents(tenant, after, _CHUNK):
        verdicts = target.append(batch, now_ms=now_ms)
        after += len(batch)
        if [verdict.position for verdict in verdicts] != list(range(after - len(batch) + 1, after + 1)):
            raise JournalError(
                f"somebody else writes to the target: position {after - len(batch) + 1} of {tenant} was taken; stop "
                "them, empty the target and move again"
            )
        progress(len(batch))


def _carry_letters(source: Journal, target: Journal, tenant: str, now_ms: int) -> None:
    letters = source.letters(tenant, open_only=False)
    there = {letter.number: letter for letter in target.letters(tenant, open_only=False)}
    missing = [letter for letter in letters if letter.number not in there]
    for start in range(0, len(missing), _CHUNK):
        target.append([], [_refused(letter) for letter in missing[start : start + _CHUNK]], now_ms=now_ms)
    for letter in letters:
        held = there.get(letter.number)
        if letter.outcome is not None and (held is None or held.outcome is None):
            target.close_letter(tenant, letter.number, letter.outcome)


def _refused(letter: Letter) -> Refused:
    return Refused(
        tenant=letter.tenant,
        reason=letter.reason,
        field=letter.field,
        body=letter.body,
        origin=letter.origin,
        source=letter.source,
        id=letter.id,
        recorded_ms=letter.recorded_ms,
    )


def _compared(source: Journal, target: Journal, tenant: str, resumed: int) -> dict[str, Any]:
    here, there = source.head(tenant), target.head(tenant)
    letters = [journal.letters(tenant, open_only=False) for journal in (source, target)]
    digests = [journal_digest(journal, tenant, here.position) for journal in (source, target)]
    return {
        "tenant": tenant,
        "position": there.position,
        "moved": there.position - resumed,
        "refused": len(letters[1]),
        "digest": digests[1],
        "same": here == there and digests[0] == digests[1] and letters[0] == letters[1],
    }
