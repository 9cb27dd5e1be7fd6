"""``POST /events``: what upstream systems tell. The answer comes when the journal has it."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from events.envelope import MAX_BATCH_BYTES, MAX_BATCH_EVENTS, MAX_EVENT_BYTES
from services.gateway.access import Caller
from services.gateway.binding import BATCH, LIMITS, STRUCTURED, events_of, mode_of
from services.gateway.gateway import Gateway, Route
from services.gateway.preference import language
from services.gateway.problems import MEDIA, Problem
from services.ingest import Outcome, Telling
from services.sentences import sentence

_encode: Final = msgspec.json.Encoder().encode


class Result(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of one event."""

    index: int
    """Which it was in the request, from 0."""
    id: str | None
    status: str
    position: int | None
    reason: str | None = None
    field: str | None = None


async def tell(gateway: Gateway, caller: Caller, request: Request) -> Response:
    """Takes the events of a request."""
    mode = mode_of(request.headers)
    limit = LIMITS[mode]
    with gateway.bodies.room(_announced(request, limit)):
        body = await gateway.bodies.read(request, limit)
        events = events_of(mode, request.headers, body)
        gateway.rates.spend(caller.name, len(events))
        telling = Telling(events, caller.tenant, f"/events {caller.name}")
        outcomes = await gateway.batcher.tell(telling) if events else []
    gateway.metrics.told(outcomes)
    if gateway.follower is not None:
        gateway.follower.wake()
    if mode != "batch" and outcomes[0].reason is not None:
        raise _refused(outcomes[0])
    return Response(_encode(_report(outcomes, language(request))), 202, media_type="application/json")


def _announced(request: Request, limit: int) -> int:
    """How much room the body may need."""
    told = request.headers.get("content-length", "")
    is_plain = told.isdecimal() and "content-encoding" not in request.headers
    return min(int(told), limit) if is_plain else limit


def _report(outcomes: Sequence[Outcome], told_in: str) -> dict[str, Any]:
    statuses = [outcome.status for outcome in outcomes]
    stand = [each.position for each in outcomes if each.position is not None and each.reason is None]
    return {
        "results": [
            Result(each.line - 1, each.id, each.status, each.position, _reason(each, told_in), each.field)
            for each in outcomes
        ],
        "accepted": statuses.count("accepted"),
        "duplicates": statuses.count("duplicate"),
        "refused": statuses.count("conflict") + statuses.count("invalid"),
        "position": max(stand, default=0),
    }


def _reason(outcome: Outcome, told_in: str) -> str | None:
    return sentence(outcome.reason) if outcome.reason is not None and told_in == "zh" else outcome.reason


def _refused(outcome: Outcome) -> Problem:
    """The one event of a request was refused. It is a dead letter."""
    assert outcome.reason is not None, "what is refused has a reason"
    _, _, allowed = outcome.reason.partition("; allowed: ")
    is_conflict = outcome.status == "conflict"
    return Problem(
        409 if is_conflict else 422,
        "conflict" if is_conflict else "invalid-event",
        outcome.reason,
        index=0,
        id=outcome.id,
        field=outcome.field,
        allowed=allowed or None,
        position=outcome.position,
    )


_ANSWER: Final = {
    "type": "object",
    "required": ["results", "accepted", "duplicates", "refused", "position"],
    "properties": {
        "results": {
            "type": "array",
            "description": "What became of each event, in the order told.",
            "items": {
                "type": "object",
                "required": ["index", "id", "status", "position"],
                "properties": {
                    "index": {"type": "integer", "description": "Which event of the request, from 0."},
                    "id": {"type": ["string", "null"], "description": "Null where it tells no usable one."},
                    "status": {"enum": ["accepted", "duplicate", "conflict", "invalid"]},
                    "position": {
                        "type": ["integer", "null"],
                        "description": "Where its identity stands in the tenant's journal; null if it is invalid.",
                    },
                    "reason": {"type": "string", "description": "Why it was refused: what is wrong, what is allowed."},
                    "field": {"type": "string", "description": "Where it is wrong."},
                },
            },
        },
        "accepted": {"type": "integer"},
        "duplicates": {"type": "integer", "description": "Told before with the same content: counted once."},
        "refused": {"type": "integer", "description": "Conflicts and invalid ones; each is a dead letter."},
        "position": {"type": "integer", "description": "The highest position; 0 where nothing was taken."},
    },
}


def _problem(description: str) -> dict[str, Any]:
    return {"description": description, "content": {MEDIA: {"schema": {"$ref": "#/components/schemas/Problem"}}}}


def _attribute(name: str, description: str, *, required: bool = True) -> dict[str, Any]:
    told = {"name": f"ce-{name}", "in": "header", "required": False, "schema": {"type": "string"}}
    needed = " In binary mode it is required." if required else ""
    return told | {"description": description + needed}


ROUTE: Final = Route(
    method="POST",
    path="/events",
    scope="ingest",
    handler=tell,
    summary="Tell events",
    description=(
        "CloudEvents 1.0 over HTTP: structured, binary or batch. The answer comes when the journal has them for good. "
        "An event told again with the same content is a duplicate, which is fine; with other content it is a conflict. "
        f"At most {MAX_EVENT_BYTES} bytes an event, {MAX_BATCH_EVENTS} events or {MAX_BATCH_BYTES} bytes a batch; "
        "gzip is understood. A single event that is refused is answered with 409 or 422; a batch always with 202: its "
        "valid events are taken, and the results say what became of each."
    ),
    parameters=(
        _attribute("specversion", "1.0."),
        _attribute("id", "With the tenant and the source: which event it is."),
        _attribute("source", "Which system tells it."),
        _attribute("type", "What happened, such as deal.won."),
        _attribute("time", "When it happened: RFC 3339 with an offset."),
        _attribute("tenant", "Whose event it is; that of the key, or absent.", required=False),
    ),
    request_body={
        "required": True,
        "content": {
            STRUCTURED: {"schema": {"$ref": "#/components/schemas/Event"}},
            BATCH: {
                "schema": {
                    "type": "array",
                    "maxItems": MAX_BATCH_EVENTS,
                    "items": {"$ref": "#/components/schemas/Event"},
                }
            },
            "application/json": {
                "schema": {"type": "object", "description": "The data; the attributes are told in ce-… headers."}
            },
        },
    },
    responses={
        202: {"description": "The journal has it.", "content": {"application/json": {"schema": _ANSWER}}},
        400: _problem("The request cannot be read: no JSON, a header twice, a damaged gzip."),
        408: _problem("The request took too long."),
        409: _problem("The event was told before with other content, which stands."),
        413: _problem("Too long, too many events, or it unpacks to too much."),
        415: _problem("The media type, charset or encoding is not understood."),
        422: _problem("The event is not valid: index, field, and what is allowed."),
        503: _problem("The journal cannot be written now; nothing was taken."),
    },
)
