"""Erasures in journal, keys and register, brought together where some of them were restored from a backup."""

from hashlib import blake2b
from typing import Any, Final

import msgspec

from events.codec import decode
from events.envelope import Entry, Told, to_text
from events.erasures import SubjectErased
from services.journal.port import Journal
from services.sealing.port import Slot, SubjectKeys
from services.sealing.register import Register

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


def reconcile(journal: Journal, keys: SubjectKeys, register: Register, now_ms: int) -> int:
    """Makes journal, keys and register agree on who was erased, where one is an older copy; how many were forgotten.

    What one of them says holds: the key is destroyed, the journal proves it, the register notes it. To be done before
    a journal serves anybody.
    """
    noted, count = register.read(), 0
    all_: dict[Slot, int] = {}
    tenants = journal.tenants()
    for slot in sorted(noted):
        if slot.tenant not in tenants and not keys.is_erased(slot):
            keys.destroy(slot, noted[slot])  # it is proved as soon as the tenant has a journal
    for tenant in tenants:
        told = {subject_in(entry): entry.at_ms for entry in journal.of_type(tenant, [SubjectErased.TYPE])}
        done = {erased.subject: erased.at_ms for erased in keys.erased(tenant)}
        wanted = {slot.subject: at_ms for slot, at_ms in noted.items() if slot.tenant == tenant} | done | told
        for subject in sorted(wanted.keys() - done.keys()):
            keys.destroy(Slot(tenant, subject), wanted[subject])
        lost = [proof(tenant, subject, wanted[subject]) for subject in sorted(wanted.keys() - told.keys())]
        if lost:
            journal.append(lost, now_ms=now_ms)
        count += len(wanted.keys() - (told.keys() & done.keys()))
        all_ |= {Slot(tenant, subject): at_ms for subject, at_ms in wanted.items()}
    register.add(all_.items())
    return count
