"""Pipedrive webhooks, version 2: the whole record, and what its changed fields were. HTTP Basic, no signature."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from services.connectors.payload import fingerprint, moment_ms, text
from services.connectors.port import Change, Connector, Unknown
from services.connectors.trust import basic, check_equal

_KINDS: Final = {"create": "created", "change": "changed", "delete": "deleted"}


def verify(raw: bytes, headers: Mapping[str, str], *, method: str, url: str, secret: str, now_ms: int) -> None:
    """HTTP Basic; the secret is ``user:password``."""
    check_equal(basic(headers), secret, "the user or the password")


def account_of(payload: Any) -> str | None:
    meta = payload.get("meta") if isinstance(payload, dict) else None
    return text(meta.get("company_id")) or None if isinstance(meta, dict) else None


def changes(payload: Any) -> Sequence[Change | Unknown]:
    meta = payload.get("meta") if isinstance(payload, dict) else None
    if not isinstance(meta, dict) or not text(meta.get("version")).startswith("2"):
        return [Unknown("is no webhook of version 2; allowed: webhooks that were made with version 2.0")]
    data, previous = _object(payload.get("data")), _object(payload.get("previous"))
    action, record = text(meta.get("action")), text(meta.get("entity"))
    id_ = text(meta.get("entity_id")) or text((data or previous).get("id"))
    at_ms = moment_ms(meta.get("timestamp"))
    if action not in _KINDS or not record or not id_ or at_ms is None:
        return [Unknown(f"{action[:20] or 'what has no action'} of {record[:30] or 'no entity'} is not known")]
    if any(text(part.get(name)) for part in (meta, data, previous) for name in ("merged_to_id", "merged_from_id")):
        return [Unknown(f"a merge of a {record[:30]} tells no event; void what is counted twice")]
    if action == "create":
        at_ms = moment_ms(data.get("add_time")) or at_ms
    native = text(meta.get("id")) or [action, record, id_, at_ms]
    return [
        Change(
            native=fingerprint(account_of(payload), native),
            record=record,
            id=id_,
            kind=_KINDS[action],  # type: ignore[arg-type]
            at_ms=at_ms,
            values=data,
            changed=frozenset(previous) if action == "change" else frozenset(data),
            previous=previous,
        )
    ]


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


CONNECTOR: Final = Connector("pipedrive", verify, account_of, changes)
