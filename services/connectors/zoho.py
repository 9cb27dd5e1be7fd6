"""Zoho CRM notifications: ids, and values only where ``return_affected_field_values`` is on. A token in the body."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from services.connectors.payload import fingerprint, moment_ms, parse, text
from services.connectors.port import Change, Connector, Unknown, Unreadable, Untrusted
from services.connectors.trust import check_equal

_KINDS: Final = {"insert": "created", "update": "changed", "edit": "changed", "delete": "deleted"}


def verify(raw: bytes, headers: Mapping[str, str], *, method: str, url: str, secret: str, now_ms: int) -> None:
    """The token that was given when the channel was made stands in the body."""
    try:
        payload = parse(raw)
    except Unreadable as error:
        raise Untrusted(f"the body {error}; allowed: a notification with its token") from None
    told = text(payload.get("token")) if isinstance(payload, dict) else ""
    check_equal(told, secret, "the token")


def account_of(payload: Any) -> str | None:
    """Notifications do not say of which organisation they are."""
    return None


def changes(payload: Any) -> Sequence[Change | Unknown]:
    if not isinstance(payload, dict):
        return [Unknown("is no object; allowed: a notification")]
    operation, module = text(payload.get("operation")), text(payload.get("module"))
    ids, at_ms = payload.get("ids"), moment_ms(payload.get("server_time"))
    if operation not in _KINDS or not module or not isinstance(ids, list) or at_ms is None:
        return [Unknown(f"{operation[:20] or 'what has no operation'} of {module[:40] or 'no module'} is not known")]
    values = dict(_values(payload.get("affected_values")))
    return [_change(payload, text(id_), _KINDS[operation], values.get(text(id_)), at_ms) for id_ in ids]


def _values(told: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """The values of each record that has some."""
    for each in told if isinstance(told, list) else []:
        if isinstance(each, dict) and isinstance(each.get("values"), dict):
            yield text(each.get("record_id")), each["values"]


def _change(
    payload: dict[str, Any], id_: str, kind: str, values: dict[str, Any] | None, at_ms: int
) -> Change | Unknown:
    module = text(payload["module"])
    if not id_:
        return Unknown(f"a record of {module[:40]} has no id")
    if kind == "changed" and not values:
        return Unknown(f"{module[:40]} says only which record changed; switch on return_affected_field_values")
    native = (payload.get("channel_id"), module, id_, text(payload["operation"]), at_ms)
    return Change(
        native=fingerprint(*(text(each) for each in native)),
        record=module,
        id=id_,
        kind=kind,  # type: ignore[arg-type]
        at_ms=at_ms,
        values=values or {},
        changed=frozenset(values or ()),
    )


CONNECTOR: Final = Connector("zoho", verify, account_of, changes)
