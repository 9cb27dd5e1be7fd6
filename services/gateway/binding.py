"""The CloudEvents HTTP binding: the events that a request tells, whole, in headers and body, or many at once.

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md
"""

import re
from collections.abc import Sequence
from typing import Any, Final, Literal
from urllib.parse import unquote_to_bytes

import msgspec
from starlette.datastructures import Headers

from events import strict_json
from events.envelope import MAX_BATCH_BYTES, MAX_BATCH_EVENTS, MAX_EVENT_BYTES
from events.refusals import shown
from services.gateway.problems import Problem
from services.ingest import Raw

Mode = Literal["structured", "binary", "batch"]
STRUCTURED: Final = "application/cloudevents+json"
BATCH: Final = "application/cloudevents-batch+json"
LIMITS: Final[dict[Mode, int]] = {
    "structured": MAX_EVENT_BYTES,
    "binary": MAX_EVENT_BYTES,
    "batch": MAX_BATCH_BYTES,
}
"""Bytes of a body."""

_PREFIX: Final = "ce-"
_ALLOWED: Final = (
    f"allowed: {STRUCTURED} for one event, {BATCH} for a JSON array of events, or application/json for the data of an "
    "event whose attributes are told in ce-… headers"
)
_QUOTED: Final = re.compile(r'"((?:[^"\\]|\\.)*)"')
_ESCAPED: Final = re.compile(r"\\(.)")
_split: Final = msgspec.json.Decoder(list[msgspec.Raw]).decode


def mode_of(headers: Headers) -> Mode:
    """How a request tells events. Raises Problem 415 where it tells none that are understood."""
    media, charset = _media(headers)
    if charset not in ("", "utf-8", "us-ascii"):
        raise _unsupported("this charset is not understood; allowed: utf-8")
    if media == STRUCTURED:
        return "structured"
    if media == BATCH:
        return "batch"
    if media.startswith("application/cloudevents"):
        raise _unsupported(f"this format of CloudEvents is not understood; {_ALLOWED}")
    if not any(name.startswith(_PREFIX) for name in headers):
        known = (
            "application/json alone does not say that"
            if media == "application/json"
            else "this media type does not say that"
        )
        raise _unsupported(f"{known} the body is a CloudEvent; {_ALLOWED}")
    return "binary"


def events_of(mode: Mode, headers: Headers, body: bytes) -> Sequence[Raw]:
    """The events of a request, as the door of the journal takes them; it judges each. Raises Problem."""
    if mode == "batch":
        return _batch(body)
    if mode == "binary":
        return [_binary(headers, body)]
    if not isinstance(_parsed(body), dict):
        raise _malformed(f"the body is no JSON object; allowed: one CloudEvent, or {BATCH} for an array of them")
    return [body]


def _batch(body: bytes) -> list[bytes]:
    try:
        parts = _split(body)
    except msgspec.ValidationError:
        raise _malformed("the body is no JSON array; allowed: an array of CloudEvents") from None
    except (msgspec.DecodeError, RecursionError) as error:
        problem = "nested too deeply" if isinstance(error, RecursionError) else f"not JSON ({error})"
        raise _malformed(f"the body is {problem}; allowed: a JSON array of CloudEvents in UTF-8") from None
    if len(parts) > MAX_BATCH_EVENTS:
        sentence = f"{len(parts)} events are too many for a batch; allowed: at most {MAX_BATCH_EVENTS}"
        raise Problem(413, "content-too-large", sentence, limit=MAX_BATCH_EVENTS)
    return [bytes(part) for part in parts]


def _binary(headers: Headers, body: bytes) -> dict[str, Any]:
    event: dict[str, Any] = {}
    for name, value in headers.items():
        if not name.startswith(_PREFIX):
            continue
        attribute = name[len(_PREFIX) :]
        if attribute in event:
            raise _malformed(f"the header {shown(name)} is sent twice; allowed: once", field=shown(attribute))
        if attribute in ("data", "datacontenttype"):
            raise _malformed(f"the header {name} is no attribute; the body is the data, and Content-Type says its type")
        event[attribute] = _decoded(attribute, value)
    media, _ = _media(headers)
    if media:
        event["datacontenttype"] = headers["content-type"]
    if body:
        is_json = not media or media == "application/json" or media.endswith("+json")
        event["data"] = _parsed(body) if is_json else body.decode("utf-8", "backslashreplace")
    return event


def _decoded(attribute: str, value: str) -> str:
    """The value of an attribute: freed of quotes, then percent-decoded once."""
    if (quoted := _QUOTED.fullmatch(value)) is not None:
        value = _ESCAPED.sub(r"\1", quoted[1])
    try:
        return unquote_to_bytes(value.encode("latin-1")).decode("utf-8")
    except UnicodeDecodeError:
        sentence = f"the header ce-{shown(attribute)} is not UTF-8, percent-encoded; encode what is not ASCII so"
        raise _malformed(sentence, field=shown(attribute)) from None


def _parsed(body: bytes) -> Any:
    try:
        return strict_json.parse(body)
    except strict_json.NotStrict as error:
        raise _malformed(f"the body {error}") from None


def _media(headers: Headers) -> tuple[str, str]:
    """The media type without parameters, and the charset, in lower case."""
    told = headers.getlist("content-type")
    if len(told) > 1:
        raise _malformed("Content-Type is sent twice; allowed: once")
    media, _, parameters = (told[0] if told else "").partition(";")
    charset = ""
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            charset = value.strip().strip('"').lower()
    return media.strip().lower(), charset


def _malformed(detail: str, **members: Any) -> Problem:
    return Problem(400, "bad-request", detail, **members)


def _unsupported(detail: str) -> Problem:
    accepted = f"{STRUCTURED}, {BATCH}, application/json"
    return Problem(415, "unsupported-media-type", detail, headers={"Accept": accepted}, accepted=accepted.split(", "))
