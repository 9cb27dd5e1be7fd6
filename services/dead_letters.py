"""Dead letters: what was refused, and what was accepted but could not be posted, told once more or put away."""

import time
from typing import Any, Final

from events.codec import InvalidEvent, decode, parse
from events.envelope import Told, to_text
from events.erasures import SubjectErased
from events.personal import part
from services.clock import now_ms
from services.ingest import Currencies, refuse_reserved
from services.journal.port import Letter, conflict
from services.store.port import Fenced
from services.workspace import Workspace

_TRIES: Final = 5
_PAUSE_S: Final = 0.3


def listed(workspace: Workspace, tenant: str) -> dict[str, Any]:
    """Open letters and parked events of a tenant, oldest first."""
    return {
        "refused": [summary(letter) for letter in workspace.journal.letters(tenant)],
        "parked": [
            {"position": entry.position, "type": entry.type, "entity": entry.subject, "id": entry.id, "reason": reason}
            for entry, _, reason in workspace.store.parked(tenant)
        ],
    }


def summary(letter: Letter) -> dict[str, Any]:
    """A refusal without what was told."""
    return {
        "number": letter.number,
        "recorded": to_text(letter.recorded_ms),
        "origin": letter.origin or None,
        "source": letter.source or None,
        "id": letter.id or None,
        "field": letter.field or None,
        "reason": letter.reason,
        "outcome": letter.outcome,
    }


def whole(letter: Letter) -> dict[str, Any]:
    """A refusal with what was told; bytes that are no text are spelled out."""
    return summary(letter) | {"told": letter.body.decode("utf-8", "backslashreplace")}


def retry(workspace: Workspace, letter: Letter) -> str | None:
    """Tell a refused event once more; the reason if it is still refused, and then nothing changed.

    It is judged as it would be today: by the rules of this version, and by what the journal holds now.
    """
    now = now_ms()
    try:
        raw = _parsed(letter)
        currency = Currencies(workspace.journal, workspace.settings.currency).of(str(raw["tenant"]))
        told = decode(raw, now_ms=now, currency=currency, importer=True)
        if told.type == SubjectErased.TYPE:
            refuse_reserved(told)
    except InvalidEvent as error:
        return str(error)
    if (reason := _conflict(workspace, told)) is not None:
        return reason
    (verdict,) = workspace.journal.append([told], now_ms=now)
    if verdict.status == "conflict":  # told otherwise by somebody else, since we looked
        return conflict(told, verdict.position).reason
    workspace.journal.close_letter(letter.tenant, letter.number, "retried")
    return None


def retry_parked(workspace: Workspace, tenant: str) -> tuple[int, int]:
    """Try the parked events of a tenant again; how many went through and how many stay. Raises StoreError.

    Where workers post, this takes the tenant over for the moment that it needs. Its worker finds that out at its next
    write, stays away for some seconds and takes it back; whoever was in the other's way begins again.
    """
    for _ in range(_TRIES - 1):
        try:
            return workspace.poster(tenant).retry_parked()
        except Fenced:
            workspace.forget_posters()
            time.sleep(_PAUSE_S)
    return workspace.poster(tenant).retry_parked()


def _parsed(letter: Letter) -> dict[str, Any]:
    if not letter.body:
        raise InvalidEvent("event", "holds nothing that could be told: what was refused is kept for a while only")
    told = parse(letter.body)
    return told if told.get("tenant") is not None else told | {"tenant": letter.tenant}


def _conflict(workspace: Workspace, told: Told) -> str | None:
    """Why an event conflicts with the one of its identity that stands; None where it does not."""
    stands = workspace.journal.find(told.tenant, told.source, told.id)
    if stands is None:
        return None
    opened = workspace.journal.opened(stands)
    first = decode(parse(opened.body), now_ms=now_ms(), currency="CNY", importer=True)
    same = first.digest == told.digest or (b'"sealed":' in opened.body and _same_but_for_persons(first, told))
    return None if same else conflict(told, stands.position).reason


def _same_but_for_persons(first: Told, told: Told) -> bool:
    """Whether two events tell the same, where nobody can say any more what one of them told about a person."""
    one, other = part(first), part(told)
    return one is not None and other is not None and one.base == other.base
