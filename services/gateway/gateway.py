"""What the routes of a gateway work with, and how a route is declared."""

from collections.abc import Awaitable, Callable
from typing import Any, Final, Literal

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from events.envelope import DEFAULT_TENANT
from services.connectors.receive import Receiver
from services.gateway.access import Caller, Gate
from services.gateway.batcher import Batcher
from services.gateway.body import Bodies
from services.gateway.following import Follower
from services.gateway.metrics import Metrics
from services.gateway.rate import Rates
from services.gateway.reader import Reader
from services.journal.port import Journal
from services.keys.port import Scope
from services.laws import Laws
from services.trail import Audit
from services.wallboard.stream import Screens

ANYBODY: Final = Caller("anybody", None)
"""Who asks for what needs no key."""


class Gateway(msgspec.Struct, frozen=True):
    """One gateway, as its routes see it."""

    journal: Journal
    batcher: Batcher
    gate: Gate
    rates: Rates
    bodies: Bodies
    metrics: Metrics
    follower: Follower | None
    """Who posts; None where a worker elsewhere does."""
    kafka_prefix: str
    """What the names of the topics begin with."""
    tenant: str = DEFAULT_TENANT
    """Whose journal is meant where the caller is of none."""
    audit: Audit | None = None
    """Who notes who asked and changed what."""
    reader: Reader | None = None
    """Who asks the books; None where there is no store."""
    checker: Reader | None = None
    """Reads beside ``reader``, for who looks at the laws of the books, which takes long."""
    laws: Laws = msgspec.field(default_factory=Laws)
    """Whether the laws of the books hold."""
    receiver: Receiver | None = None
    """Who takes in what CRMs push; None where there is no store."""
    screens: Screens | None = None
    """The boards; None where there is no store."""
    past: str | None = None
    """The moment of knowing that everything shows; nothing can be told then. None: now."""


Handler = Callable[[Gateway, Caller, Request], Awaitable[Response]]


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """A path and what it takes. Nothing is served that is not one of these, and each says what its caller needs."""

    method: Literal["GET", "POST"]
    path: str
    scope: Scope | None
    """What the caller's key must have; None: no key is needed, for there is nothing of anybody in the answer."""
    handler: Handler
    summary: str
    description: str
    responses: dict[int, dict[str, Any]]
    """OpenAPI response objects by status, without those that every route has."""
    request_body: dict[str, Any] | None = None
    """An OpenAPI request body object."""
    parameters: tuple[dict[str, Any], ...] = ()
    """OpenAPI parameter objects."""
    slashes: bool = False
    """Whether the last parameter of the path may hold some."""
