"""HubSpot webhooks, version 3: arrays of single changes, signed, in no order, each with the new value only."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from services.connectors.payload import fingerprint, moment_ms, text
from services.connectors.port import Change, Connector, Unknown, Untrusted
from services.connectors.trust import check_equal, check_fresh, header, hmac_sha256

WINDOW_MS: Final = 5 * 60_000
_KINDS: Final = {"creation": "created", "propertyChange": "changed", "deletion": "deleted", "restore": "restored"}
_OBJECTS: Final = {"0-1": "contact", "0-2": "company", "0-3": "deal", "0-5": "ticket", "0-136": "lead"}
_DECODED: Final = {
    "%3A": ":", "%2F": "/", "%3F": "?", "%40": "@", "%21": "!", "%24": "$", "%27": "'", "%28": "(", "%29": ")",
    "%2A": "*", "%2C": ",", "%3B": ";",
}  # fmt: skip
"""What HubSpot decodes in the address before it signs it."""


def verify(raw: bytes, headers: Mapping[str, str], *, method: str, url: str, secret: str, now_ms: int) -> None:
    """Version 3 of the signature: HMAC-SHA256 over method, address, body and time. Five minutes."""
    if "x-hubspot-signature-v3" in headers:
        timestamp = header(headers, "x-hubspot-request-timestamp")
        check_fresh(timestamp, now_ms, window_ms=WINDOW_MS, unit_ms=1, what="x-hubspot-request-timestamp")
        told = headers["x-hubspot-signature-v3"]
        signed = method.encode() + _decoded(url).encode() + raw + timestamp.encode()
        check_equal(told, hmac_sha256(secret, signed), "x-hubspot-signature-v3")
        return
    raise Untrusted(
        "the header x-hubspot-signature-v3 is missing; allowed: version 3, for older ones know no time and can be "
        "replayed"
    )


def _decoded(url: str) -> str:
    for code, sign in _DECODED.items():
        url = url.replace(code, sign).replace(code.lower(), sign)
    return url


def account_of(payload: Any) -> str | None:
    first = payload[0] if isinstance(payload, list) and payload else payload
    return text(first.get("portalId")) or None if isinstance(first, dict) else None


def changes(payload: Any) -> Sequence[Change | Unknown]:
    told = payload if isinstance(payload, list) else [payload]
    account = account_of(payload)
    return [each for item in told for each in _change(item, account)]


def _change(item: Any, account: str | None) -> Iterator[Change | Unknown]:
    if not isinstance(item, dict):
        yield Unknown("an item is no object")
        return
    if (text(item.get("portalId")) or None) != account:
        yield Unknown("an item is of another account than the first of its delivery")
        return
    subscription = text(item.get("subscriptionType")) or text(item.get("eventType"))
    record, _, what = subscription.rpartition(".")
    if record == "object":
        name = text(item.get("objectTypeId")) or text(item.get("objectType"))
        record = _OBJECTS.get(name, name.lower())
    id_, at_ms = text(item.get("objectId")), moment_ms(item.get("occurredAt"))
    if what == "associationChange":
        yield from _association(item, account, at_ms)
    elif what not in _KINDS:
        yield Unknown(f"{subscription[:60] or 'what has no subscriptionType'} tells no event")
    elif not id_ or at_ms is None:
        yield Unknown(f"{subscription[:60]} has no objectId or no occurredAt")
    else:
        name, value = text(item.get("propertyName")), item.get("propertyValue")
        values = {name: value} if what == "propertyChange" else {}
        yield Change(
            native=fingerprint(account, f"{record}.{what}", id_, name, text(value), at_ms),
            record=record,
            id=id_,
            kind=_KINDS[what],  # type: ignore[arg-type]
            at_ms=at_ms,
            values=values,
            changed=frozenset(values),
        )


def _association(item: dict[str, Any], account: str | None, at_ms: int | None) -> Iterator[Change | Unknown]:
    """``DEAL_TO_COMPANY``: told as the value ``association.company`` of the deal."""
    kind = text(item.get("associationType"))
    record, _, other = kind.lower().partition("_to_")
    from_, to = text(item.get("fromObjectId")), text(item.get("toObjectId"))
    if item.get("associationRemoved") is True:
        yield Unknown("an association was removed, which tells no event")
    elif not (record and other and from_ and to) or at_ms is None:
        yield Unknown("associationChange has no associationType, no objects or no occurredAt")
    else:
        yield Change(
            native=fingerprint(account, kind, from_, to, at_ms),
            record=record,
            id=from_,
            kind="changed",
            at_ms=at_ms,
            values={f"association.{other}": to},
            changed=frozenset({f"association.{other}"}),
        )


CONNECTOR: Final = Connector("hubspot", verify, account_of, changes)
