"""简道云 (Jodoo) data push: the whole row of a form, which means what the mapping of that form says. Signed, SHA-1."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from services.connectors.payload import fingerprint, moment_ms, text
from services.connectors.port import Change, Connector, Unknown, Untrusted
from services.connectors.trust import check_equal, check_fresh, header

WINDOW_MS: Final = 10 * 60_000
_KINDS: Final = {
    "data_create": "created", "data_update": "changed", "data_remove": "deleted", "data_recover": "restored",
}  # fmt: skip


def verify(raw: bytes, headers: Mapping[str, str], *, method: str, url: str, secret: str, now_ms: int) -> None:
    """SHA-1 over nonce, body, secret and time; nonce and time stand in the query. Ten minutes."""
    told = header(headers, "x-jdy-signature")
    try:
        query = parse_qs(urlsplit(url).query)
    except ValueError:
        query = {}
    nonce, timestamp = (query.get(name, [""])[0] for name in ("nonce", "timestamp"))
    if not nonce:
        raise Untrusted("the query has no nonce; allowed: deliveries of the system itself")
    check_fresh(timestamp, now_ms, window_ms=WINDOW_MS, unit_ms=1000, what="timestamp")
    signed = b":".join((nonce.encode("utf-8", "replace"), raw, secret.encode(), timestamp.encode()))
    check_equal(told, hashlib.sha1(signed, usedforsecurity=False).hexdigest(), "x-jdy-signature")


def account_of(payload: Any) -> str | None:
    """A push does not say of which company it is."""
    return None


def changes(payload: Any) -> Sequence[Change | Unknown]:
    data = payload.get("data") if isinstance(payload, dict) else None
    if not isinstance(payload, dict) or not isinstance(data, dict):
        return [Unknown("has no data; allowed: a data push of a form")]
    kind, id_ = text(payload.get("op")), text(data.get("_id"))
    at_ms = moment_ms(payload.get("opTime")) or moment_ms(data.get("updateTime"))
    app, entry = text(data.get("appId")), text(data.get("entryId"))
    if kind not in _KINDS or not id_ or not entry or at_ms is None:
        return [Unknown(f"{kind[:20] or 'what has no op'} has no data._id, no entryId or no opTime, or is not known")]
    name = text(data.get("formName"))
    return [
        Change(
            native=fingerprint(app, entry, id_, kind, at_ms),
            record=f"{app}/{entry}",
            also=(entry, name) if name else (entry,),
            id=id_,
            kind=_KINDS[kind],  # type: ignore[arg-type]
            at_ms=at_ms,
            values=data,
        )
    ]


CONNECTOR: Final = Connector("jiandaoyun", verify, account_of, changes)
