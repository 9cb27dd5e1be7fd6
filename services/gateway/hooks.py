"""``POST /hooks/{system}``: what CRMs push. Who may is proved by the delivery itself, so no key is needed."""

import asyncio
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from events.envelope import MAX_BATCH_BYTES
from services.connectors.port import Untrusted
from services.connectors.receive import Received, Receiver
from services.connectors.receive import Request as Delivery
from services.connectors.registry import CONNECTORS
from services.gateway.access import Caller
from services.gateway.gateway import Gateway, Route
from services.gateway.problems import Problem, unavailable
from services.journal.port import JournalError
from services.store.port import StoreError

_encode: Final = msgspec.json.Encoder().encode


async def take(gateway: Gateway, caller: Caller, request: Request) -> Response:
    """One delivery."""
    receiver = gateway.receiver
    if receiver is None:
        raise unavailable("this process takes no deliveries, for it has no store; deliver to one that has")
    system = str(request.path_params["system"])
    if system not in CONNECTORS:
        allowed = ", ".join(CONNECTORS)
        raise Problem(404, "not-found", f"there is no connector of that name; allowed: {allowed}")
    with gateway.bodies.room(MAX_BATCH_BYTES):
        raw = await gateway.bodies.read(request, MAX_BATCH_BYTES)
        delivery = Delivery(raw, dict(request.headers), request.method, str(request.url))
        received = await asyncio.to_thread(_received, receiver, system, delivery)
    gateway.metrics.told(received.outcomes)
    if gateway.follower is not None:
        gateway.follower.wake()
    return Response(_encode(answer(received)), 200, media_type="application/json")


def _received(receiver: Receiver, system: str, delivery: Delivery) -> Received:
    """Raises Problem."""
    try:
        return receiver.receive(system, delivery)
    except Untrusted as error:
        raise Problem(401, "untrusted", str(error)) from None
    except (JournalError, StoreError):
        raise unavailable("the delivery cannot be taken now; deliver it again") from None


def answer(received: Received) -> dict[str, Any]:
    """What became of a delivery: numbers only, for who sent it need not know more."""
    statuses = [outcome.status for outcome in received.outcomes]
    return {
        "accepted": statuses.count("accepted"),
        "duplicates": statuses.count("duplicate"),
        "refused": len(statuses) - statuses.count("accepted") - statuses.count("duplicate"),
        "unknown": len(received.unknown),
    }


_COUNT: Final = {"type": "integer", "minimum": 0}
_JSON: Final[dict[str, Any]] = {
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "required": ["accepted", "duplicates", "refused", "unknown"],
                "properties": dict.fromkeys(("accepted", "duplicates", "refused", "unknown"), _COUNT),
            }
        }
    }
}


ROUTE: Final = Route(
    method="POST",
    path="/hooks/{system}",
    scope=None,
    handler=take,
    summary="Take what a CRM pushes",
    description="Webhooks of HubSpot, Pipedrive, Salesforce, Zoho and Jiandaoyun, signed as each of them does it. "
    "What is not understood is kept and answered with 200, for some systems give up a hook that refuses.",
    responses={
        200: {"description": "Kept, and told as far as it is understood.", **_JSON},
        401: {"description": "The delivery does not prove where it comes from."},
        404: {"description": "No such system."},
        413: {"description": "The body is too long."},
        503: {"description": "Not now; deliver again."},
    },
    request_body={"required": True, "content": {"application/json": {"schema": {}}}},
    parameters=(
        {"name": "system", "in": "path", "required": True, "schema": {"type": "string", "enum": [*CONNECTORS]}},
    ),
)
