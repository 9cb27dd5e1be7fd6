"""Salesforce Change Data Capture as JSON, handed on by a relay: changed fields only, several records in one event."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from services.connectors.payload import fingerprint, moment_ms, text
from services.connectors.port import Change, Connector, Unknown
from services.connectors.trust import bearer, check_equal

_KINDS: Final = {
    "CREATE": "created", "UPDATE": "changed", "DELETE": "deleted", "UNDELETE": "restored", "GAP_DELETE": "deleted",
}  # fmt: skip


def verify(raw: bytes, headers: Mapping[str, str], *, method: str, url: str, secret: str, now_ms: int) -> None:
    """A token that the relay sends: ``Authorization: Bearer`` or ``X-Api-Key``. Salesforce itself signs nothing."""
    check_equal(bearer(headers), secret, "the token")


def account_of(payload: Any) -> str | None:
    """Events do not say of which organisation they are."""
    return None


def changes(payload: Any) -> Sequence[Change | Unknown]:
    told = payload if isinstance(payload, list) else [payload]
    return [each for item in told for each in _event(item)]


def _event(item: Any) -> Iterator[Change | Unknown]:
    event = _bare(item)
    header = event.get("ChangeEventHeader")
    if not isinstance(header, dict):
        yield Unknown("has no ChangeEventHeader; allowed: change events as JSON")
        return
    kind, record = text(header.get("changeType")), text(header.get("entityName"))
    ids, at_ms = header.get("recordIds"), moment_ms(header.get("commitTimestamp"))
    if kind not in _KINDS:
        gap = "is a gap: read the record again" if kind.startswith("GAP_") else "is not known"
        yield Unknown(f"{kind[:20] or 'what has no changeType'} of {record[:40]} {gap}")
    elif not isinstance(ids, list) or not record or at_ms is None:
        yield Unknown(f"{kind} has no entityName, no recordIds or no commitTimestamp")
    else:
        yield from (_change(each, kind, event, header, at_ms) for each in ids)


def _bare(item: Any) -> dict[str, Any]:
    """A change event without what a relay wraps it in; with its ``EventUuid``."""
    uuid = ""
    for name in ("detail", "data", "payload"):
        if isinstance(item, dict) and isinstance(item.get(name), dict) and "ChangeEventHeader" not in item:
            outer = item.get("event")
            uuid = text(outer.get("EventUuid")) if isinstance(outer, dict) else uuid
            item = item[name]
    return {"EventUuid": uuid, **item} if isinstance(item, dict) else {}


def _change(id_: Any, kind: str, event: dict[str, Any], header: dict[str, Any], at_ms: int) -> Change | Unknown:
    told = text(id_)
    if not told or told.endswith("*"):
        return Unknown(f"{kind} of {text(header.get('entityName'))[:40]} names no single record: read them again")
    values = {name: value for name, value in event.items() if name not in ("ChangeEventHeader", "EventUuid")}
    named = header.get("changedFields")
    changed = {text(name) for name in named} if isinstance(named, list) and named else set(values)
    native = [text(header.get("transactionKey")), text(header.get("sequenceNumber"))]
    return Change(
        native=fingerprint(*(native if all(native) else [event["EventUuid"], at_ms]), told),
        record=text(header.get("entityName")),
        id=told,
        kind=_KINDS[kind],  # type: ignore[arg-type]
        at_ms=at_ms,
        values=values,
        changed=frozenset(changed),
    )


CONNECTOR: Final = Connector("salesforce", verify, account_of, changes)
