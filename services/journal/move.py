"""Carries a journal over into another one: every event in its place, with its recorded time, and the dead letters."""

from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from events.codec import InvalidEvent, decode, parse
from events.envelope import Entry
from events.personal import is_clear
from services.journal.port import Content, Journal, JournalError, Journalled, Letter, Refused
from services.journal.sqlite import SqliteJournal
from services.replay.digest import journal_digest
from services.sealing.vault import Vault, is_kept

_CHUNK: Final = 200
"""Events carried in one go: few enough to be one batch of Kafka, which is taken whole or not at all."""


_FAR_MS: Final = 4_102_444_800_000
"""2100: what stands in a journal was not told too early."""


class Sealing:
    """A journal as it is once everything personal in it is sealed: what an older version kept in clear is sealed while
    it is read. ``vault`` is asked for when something of that kind is found."""

    def __init__(self, source: SqliteJournal, vault: Callable[[], Vault]) -> None:
        self._source: Final = source
        self._vault: Final = vault
        self.tenants: Final = source.tenants
        self.head: Final = source.head

    def contents(self, tenant: str, after: int, limit: int) -> list[Content]:
        """As the journal's, sealed."""
        return [self._sealed(each) for each in self._source.contents(tenant, after, limit)]

    def read(self, tenant: str, after: int, limit: int) -> list[Entry]:
        """As the journal's, sealed."""
        entries = self._source.read(tenant, after, limit)
        if not any(is_clear(entry.type, entry.body) for entry in entries):
            return entries
        bodies = [each.body for each in self.contents(tenant, after, limit)]
        return [msgspec.structs.replace(entry, body=body) for entry, body in zip(entries, bodies, strict=True)]

    def letters(self, tenant: str) -> list[Letter]:
        """Every letter, as it stands."""
        return self._source.letters(tenant, open_only=False)

    def refused(self, letters: Sequence[Letter], now_ms: int) -> list[Refused]:
        """Letters on their way, sealed."""
        return [each for letter in letters for each in self._letter_sealed(_refused(letter), now_ms)]

    def _letter_sealed(self, refused: Refused, now_ms: int) -> list[Refused]:
        return [refused] if is_kept(refused.body) else self._vault().seal_refused([refused], now_ms)

    def _sealed(self, told: Journalled) -> Content:
        if not is_clear(told.type, told.body):
            return told
        try:
            parsed = decode(parse(told.body), now_ms=_FAR_MS, currency="CNY", importer=True)
        except InvalidEvent as error:
            raise JournalError(f"event {told.id!r} of {told.source!r} cannot be sealed: {error}") from error
        (kept,) = self._vault().sealed([parsed])
        return msgspec.structs.replace(kept, recorded_ms=told.recorded_ms)


def move(
    journal: SqliteJournal,
    target: Journal,
    *,
    now_ms: int,
    progress: Callable[[int], None],
    vault: Callable[[], Vault],
) -> dict[str, Any]:
    """Carry over what the target does not have yet, and compare the two.

    What is sealed stays so; what is personal and in clear, for an older version kept it, is sealed on its way with the
    keys of ``vault``.

    The target must be empty, or hold the beginning of the same journal, as after a move that was interrupted.
    Duplicates left nothing but a number behind, which is not carried over. Raises JournalError.
    """
    source = Sealing(journal, vault)
    strangers = sorted(set(target.tenants()) - set(source.tenants()))
    if strangers:
        raise JournalError(f"the target holds tenants that the source does not: {', '.join(strangers)}; empty it first")
    tenants = source.tenants()
    starts = {tenant: _agreed(source, target, tenant) for tenant in tenants}
    for tenant in tenants:
        _carry_events(source, target, tenant, starts[tenant], now_ms, progress)
        _carry_letters(source, target, tenant, now_ms)
    return {"tenants": [_compared(source, target, tenant, starts[tenant]) for tenant in tenants]}


def _agreed(source: Sealing, target: Journal, tenant: str) -> int:
    """The position up to which both are the same journal, which must be the target's last."""
    head = target.head(tenant).position
    same = head <= source.head(tenant).position
    if not same or journal_digest(source, tenant, head) != journal_digest(target, tenant, head):
        raise JournalError(
            f"the target holds {head} events of {tenant} that are not the beginning of the source's journal; empty it, "
            "or name another"
        )
    here, there = source.letters(tenant), target.letters(tenant, open_only=False)
    if len(there) > len(here) or not all(map(_is_same, here, there)):
        raise JournalError(
            f"the target holds other dead letters of {tenant} than the source; empty it, or name another"
        )
    return head


def _is_same(here: Letter, there: Letter) -> bool:
    """Whether a letter is that of the source: all of it but what was decided, which may come later."""
    body = there.body if is_kept(there.body) and not is_kept(here.body) else here.body
    return msgspec.structs.replace(here, body=body, outcome=there.outcome) == there


def _carry_events(
    source: Sealing, target: Journal, tenant: str, after: int, now_ms: int, progress: Callable[[int], None]
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


def _carry_letters(source: Sealing, target: Journal, tenant: str, now_ms: int) -> None:
    letters = source.letters(tenant)
    there = {letter.number: letter for letter in target.letters(tenant, open_only=False)}
    missing = [letter for letter in letters if letter.number not in there]
    for start in range(0, len(missing), _CHUNK):
        target.append([], source.refused(missing[start : start + _CHUNK], now_ms), now_ms=now_ms)
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


def _compared(source: Sealing, target: Journal, tenant: str, resumed: int) -> dict[str, Any]:
    here, there = source.head(tenant), target.head(tenant)
    letters = source.letters(tenant), target.letters(tenant, open_only=False)
    digests = journal_digest(source, tenant, here.position), journal_digest(target, tenant, here.position)
    refused = len(letters[0]) == len(letters[1]) and all(
        one.outcome == other.outcome and _is_same(one, other) for one, other in zip(*letters, strict=True)
    )
    return {
        "tenant": tenant,
        "position": there.position,
        "moved": there.position - resumed,
        "refused": len(letters[1]),
        "digest": digests[1],
        "same": here == there and digests[0] == digests[1] and refused,
    }
