"""Persons: everything that is held about one, and forgetting it."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any, Final
from urllib.parse import quote_plus

import msgspec

from events.corrections import EventVoided
from events.envelope import Entry, to_text
from events.erasures import KINDS
from events.personal import token_of
from events.words import NAME_WORDS, is_name
from services.journal.port import Journal
from services.journal.sqlite import SqliteJournal
from services.sealing.fence import proof
from services.sealing.port import SealingError, Slot
from services.sealing.vault import Vault

_PAGE: Final = 5000
_DAY_MS: Final = 86_400_000
_FIELDS: Final[dict[str, tuple[str, ...]]] = {
    "lead": ("lead_id",),
    "customer": ("customer_id",),
    "rep": ("rep_id", "manager_id"),
    "respondent": ("respondent_id",),
    "deal": ("deal_id",),
    "survey": (),
}
"""By kind of subject, the fields of data that may name it."""

Progress = Callable[[int], None]


class BadSubject(Exception):
    """What was named is no subject. One sentence says what is allowed."""


def subject_named(text: str) -> str:
    """A subject as people write it: ``lead:L-1``. Raises BadSubject."""
    kind, _, id_ = text.partition(":")
    if kind not in KINDS or not is_name(id_):
        kinds = ", ".join(f"{each}:ID" for each in KINDS)
        raise BadSubject(f"{text[:80]!r} is no subject; allowed: {kinds}, with an id of {NAME_WORDS}")
    return text


def erase(
    journal: SqliteJournal, tenant: str, subject: str, *, now_ms: int, reason: str | None = None
) -> dict[str, Any]:
    """Destroys what is held of a subject and proves it in the journal; says what was done.

    The key is destroyed, none is made again, and a ``subject.erased`` stands in the journal. What was erased before
    stays so; ``held``: whether anything was sealed about it at all. ``raw``: how many raw deliveries and decided
    refusals that mention its id were deleted; what names it otherwise can be read until ``raw_until``.

    Raises JournalError, and InvalidEvent where the reason is not allowed.
    """
    vault = _vault(journal)
    slot = Slot(tenant, subject)
    told = proof(tenant, subject, now_ms, reason)
    already, held = vault.keys.is_erased(slot), vault.keys.key(slot) is not None
    if not already:
        journal.append([told], now_ms=now_ms)
    entry = journal.find(tenant, told.source, told.id)
    assert entry is not None, "it was told, or brought back when the journal was opened"
    vault.forget(slot, entry.at_ms)
    raw = journal.forget_raw(tenant, mention_of(subject).search)
    return {
        "tenant": tenant,
        "subject": subject,
        "erased": to_text(entry.at_ms),
        "already": already,
        "held": held,
        "position": entry.position,
        "raw": raw,
        "raw_until": {kind: to_text(now_ms + days * _DAY_MS)[:10] for kind, days in vault.days.items()},
    }


def erased(journal: SqliteJournal, tenant: str) -> list[dict[str, Any]]:
    """The subjects of a tenant that were erased, and when."""
    return [{"subject": each.subject, "erased": to_text(each.at_ms)} for each in _vault(journal).keys.erased(tenant)]


def export(
    journal: SqliteJournal, tenant: str, subject: str, *, progress: Progress = lambda done: None
) -> dict[str, Any]:
    """Everything that is held about a subject, on both clocks: events that name it, with what is personal in them,
    and what was delivered or refused and mentions its id."""
    vault = _vault(journal)
    cut = journal.head(tenant)
    voided = _voided(journal, tenant)
    fence = {each.subject: each.at_ms for each in vault.keys.erased(tenant)}
    return {
        "tenant": tenant,
        "subject": subject,
        "cut": {"position": cut.position, "recorded": to_text(cut.recorded_ms)},
        "erased": to_text(fence[subject]) if subject in fence else None,
        "events": [
            event_held(journal, entry) | {"voided": (entry.source, entry.id) in voided}
            for entry in about(journal, tenant, subject, progress)
        ],
        "deliveries": list(_deliveries(journal, tenant, subject)),
        "dead_letters": list(_letters(journal, tenant, subject)),
    }


def event_held(journal: Journal, entry: Entry) -> dict[str, Any]:
    """An event in its place, with everything it tells that can be opened."""
    body = msgspec.json.decode(journal.opened(entry).body)
    told = {"position": entry.position, "source": entry.source, "id": entry.id, "type": entry.type}
    told |= {"time": to_text(entry.at_ms), "recorded": to_text(entry.recorded_ms), "entity": entry.subject}
    told["data"] = body["data"]
    state = journal.personal(entry)
    return told | ({"personal": state} if state else {})


def about(journal: Journal, tenant: str, subject: str, progress: Progress = lambda done: None) -> Iterator[Entry]:
    """The entries that name a subject, in order. The whole journal of the tenant is read."""
    needle = _needle(subject)
    kind, _, id_ = subject.partition(":")
    after = 0
    while page := journal.read(tenant, after, _PAGE):
        after = page[-1].position
        for entry in page:
            if needle in entry.body and _names(entry, kind, id_, subject):
                yield entry
        progress(len(page))


def _names(entry: Entry, kind: str, id_: str, subject: str) -> bool:
    data = msgspec.json.decode(entry.body)["data"]
    if any(data.get(field) == id_ for field in _FIELDS[kind]):
        return True
    if entry.type == "subject.erased":
        return (data.get("kind"), data.get("id")) == (kind, id_)
    return token_of(entry)[0] == subject or (kind == "survey" and entry.subject == id_)


def mention_of(subject: str) -> re.Pattern[bytes]:
    """What finds the id of a subject in raw bytes, as a word of its own, however JSON or a form spells it."""
    id_ = subject.partition(":")[2]
    spelled = {_needle(subject), json.dumps(id_)[1:-1].encode(), quote_plus(id_).encode(), id_.encode()}
    either = b"|".join(re.escape(each) for each in sorted(spelled))
    return re.compile(rb"(?<![\w-])(?:" + either + rb")(?![\w-])")


def _needle(subject: str) -> bytes:
    """The id of a subject as it stands in JSON."""
    return msgspec.json.encode(subject.partition(":")[2])[1:-1]


def _voided(journal: Journal, tenant: str) -> set[tuple[str, str]]:
    bodies = (msgspec.json.decode(entry.body)["data"] for entry in journal.of_type(tenant, [EventVoided.TYPE]))
    return {(data["source"], data["id"]) for data in bodies}


def _deliveries(journal: Journal, tenant: str, subject: str) -> Iterator[dict[str, Any]]:
    needle, after = _needle(subject), 0
    while page := journal.inbox(tenant, after, _PAGE):
        after = page[-1].number
        for each in page:
            if needle in each.raw:
                told = {"number": each.number, "system": each.system, "received": to_text(each.received_ms)}
                yield told | {"raw": each.raw.decode("utf-8", "backslashreplace")}


def _letters(journal: Journal, tenant: str, subject: str) -> Iterator[dict[str, Any]]:
    needle = _needle(subject)
    for each in journal.letters(tenant, open_only=False):
        if needle in each.body:
            told = {"number": each.number, "recorded": to_text(each.recorded_ms), "reason": each.reason}
            yield told | {"told": each.body.decode("utf-8", "backslashreplace")}


def _vault(journal: SqliteJournal) -> Vault:
    if journal.vault is None:
        raise SealingError("this journal was opened without its keys, so nothing personal can be read or erased")
    return journal.vault
