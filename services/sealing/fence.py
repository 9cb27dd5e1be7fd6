"""Erasures in journal and keys, brought together where one of them was restored from a backup."""

from hashlib import blake2b
from typing import Any, Final

import msgspec

from events.codec import decode
from events.envelope import Entry, Told, to_text
from events.erasures import SubjectErased
from services.journal.port import Journal
from services.sealing.port import Slot, SubjectKeys

SOURCE: Final = "/salestream/erasures"
"""The ``source`` of the events that prove erasures."""


class _Subject(msgspec.Struct):
    kind: str
    id: str


class _Body(msgspec.Struct):
    data: _Subject


_read: Final = msgspec.json.Decoder(_Body).decode


def subject_in(erasure: Entry) -> str:
    """The subject that a ``subject.erased`` names, as ``kind:id``."""
    data = _read(erasure.body).data
    return f"{data.kind}:{data.id}"


def proof(tenant: str, subject: str, at_ms: int, reason: str | None = None) -> Told:
    """The event that says that a subject was erased. It holds nothing personal. Raises InvalidEvent.

    A subject is erased once, so its id follows from the subject.
    """
    kind, _, id_ = subject.partition(":")
    data: dict[str, Any] = {"kind": kind, "id": id_} | ({"reason": reason} if reason else {})
    told = {
        "specversion": "1.0",
        "id": f"erased-{blake2b(subject.encode(), digest_size=12).hexdigest()}",
        "source": SOURCE,
        "type": SubjectErased.TYPE,
        "time": to_text(at_ms),
        "tenant": tenant,
        "data": data,
    }
    return decode(told, now_ms=at_ms, currency="CNY")


def reconcile(journal: Journal, keys: SubjectKeys, now_ms: int) -> int:
    """Applies anew what an older copy of the keys has forgotten, and proves anew what an older journal has; how many.

    To be done before a journal serves anybody.
    """
    count = 0
    for tenant in journal.tenants():
        told = {subject_in(entry): entry.at_ms for entry in journal.of_type(tenant, [SubjectErased.TYPE])}
        done = {erased.subject: erased.at_ms for erased in keys.erased(tenant)}
        for subject in sorted(told.keys() - done.keys()):
            keys.destroy(Slot(tenant, subject), told[subject])
        lost = [proof(tenant, subject, done[subject]) for subject in sorted(done.keys() - told.keys())]
        if lost:
            journal.append(lost, now_ms=now_ms)
        count += len(told.keys() ^ done.keys())
    return count
