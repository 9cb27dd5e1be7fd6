"""Over HTTP: what is held of a person, forgetting it, and who asked and changed what."""

import asyncio
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from events.codec import InvalidEvent
from events.strict_json import NotStrict, parse
from projections.question import BadQuestion
from services.clock import now_ms
from services.gateway.access import Caller
from services.gateway.gateway import Gateway, Route
from services.gateway.problems import Problem, unavailable
from services.gateway.reading import answers, parameters, refused, told
from services.journal.port import JournalError
from services.journal.sqlite import SqliteJournal
from services.sealing.port import SealingError
from services.sealing.subjects import BadSubject, erase, export, subject_named
from services.trail import TYPES, AuditError, Change

_encode: Final = msgspec.json.Encoder().encode
_MAX_BYTES: Final = 4096
_MOST: Final = 1000
_AUDIT: Final = {
    "type": "Only this type: " + ", ".join(TYPES) + ".",
    "limit": f"The latest so many, at most {_MOST}; 100 unless told.",
}
_SUBJECT: Final = {"subject": "Whom: lead:ID, customer:ID, rep:ID, respondent:ID, deal:ID or survey:ID."}


async def forget(gateway: Gateway, caller: Caller, request: Request) -> Response:
    """Destroys what is held of a subject."""
    with gateway.bodies.room(_MAX_BYTES):
        raw = await gateway.bodies.read(request, _MAX_BYTES)
    subject, reason = _asked(raw)
    tenant, journal = _whose(gateway, caller)

    def work() -> dict[str, Any]:
        done = erase(journal, tenant, subject, now_ms=now_ms(), reason=reason)
        if gateway.audit is not None and not done["already"]:
            gateway.audit.changed(Change("subject.erased", tenant, caller.name, {"subject": subject}))
        return done

    done = await _done(work)
    if gateway.follower is not None:
        gateway.follower.wake()
    return _json(done)


def _asked(raw: bytes) -> tuple[str, str | None]:
    """The subject and the reason. Raises Problem."""
    try:
        body = parse(raw)
    except NotStrict as error:
        raise Problem(400, "bad-request", f"the body {error}") from None
    if not isinstance(body, dict) or not body.keys() <= {"subject", "reason"} or "subject" not in body:
        allowed = 'an object such as {"subject": "lead:L-1", "reason": "asked by letter"}'
        raise Problem(400, "bad-request", f"the body is not what is asked for; allowed: {allowed}")
    subject, reason = body["subject"], body.get("reason")
    if not isinstance(subject, str) or not isinstance(reason, str | None):
        raise Problem(400, "bad-request", "subject and reason are texts; allowed: texts")
    try:
        return subject_named(subject), reason
    except BadSubject as error:
        raise refused(BadQuestion("subject", str(error))) from None


async def held(gateway: Gateway, caller: Caller, request: Request) -> Response:
    """Everything that is held of a subject."""
    asked = told(request, _SUBJECT)
    try:
        subject = subject_named(asked.get("subject", ""))
    except BadSubject as error:
        raise refused(BadQuestion("subject", str(error))) from None
    tenant, journal = _whose(gateway, caller)

    def work() -> dict[str, Any]:
        found = export(journal, tenant, subject)
        if gateway.audit is not None:
            gateway.audit.changed(Change("subject.exported", tenant, caller.name, {"subject": subject}))
        return found

    return _json(await _done(work))


async def audit(gateway: Gateway, caller: Caller, request: Request) -> Response:
    """Who asked and changed what."""
    asked = told(request, _AUDIT)
    type_, limit = asked.get("type"), asked.get("limit", "100")
    if type_ is not None and type_ not in TYPES:
        raise refused(BadQuestion("type", f"{type_[:40]!r} is none; allowed: {', '.join(TYPES)}"))
    if not (limit.isascii() and limit.isdecimal() and 0 < int(limit[:9]) <= _MOST):
        raise refused(BadQuestion("limit", f"{limit[:40]!r} is not allowed; allowed: 1 to {_MOST}"))
    kept = gateway.audit
    if kept is None:
        raise unavailable("this process keeps no audit journal")
    types = [type_] if type_ is not None else []
    tenant = caller.tenant or gateway.tenant
    return _json(await _done(lambda: kept.entries(tenant, types=types, limit=int(limit))))


def _whose(gateway: Gateway, caller: Caller) -> tuple[str, SqliteJournal]:
    assert isinstance(gateway.journal, SqliteJournal), "so is every journal that is served"
    return caller.tenant or gateway.tenant, gateway.journal


async def _done(work: Any) -> Any:
    """What ``work`` gives, done beside the loop. Raises Problem."""
    try:
        return await asyncio.to_thread(work)
    except InvalidEvent as error:
        raise Problem(400, "bad-request", str(error)) from None
    except (SealingError, JournalError, AuditError):
        raise unavailable("what is personal cannot be reached now; try again") from None


def _json(found: Any) -> Response:
    return Response(_encode(found), media_type="application/json")


_BODY: Final = {
    "type": "object",
    "required": ["subject"],
    "additionalProperties": False,
    "properties": {
        "subject": {"type": "string", "examples": ["lead:L-1"]},
        "reason": {"type": "string", "description": "Why, in words that tell nothing of the person."},
    },
}
ROUTES: Final = (
    Route(
        method="POST",
        path="/api/erasures",
        scope="erase",
        handler=forget,
        summary="Forget a person",
        description="Destroys the key of what is personal about a subject, for good, and proves it in the journal. No "
        "number changes. Told again it changes nothing.",
        responses=answers("It is erased."),
        request_body={"required": True, "content": {"application/json": {"schema": _BODY}}},
    ),
    Route(
        method="GET",
        path="/api/subject",
        scope="admin",
        handler=held,
        summary="Everything held about a person",
        description="Events on both clocks with what is personal, and what was sent or refused and mentions the id.",
        responses=answers("What is held."),
        parameters=parameters(_SUBJECT),
    ),
    Route(
        method="GET",
        path="/api/trail",
        scope="admin",
        handler=audit,
        summary="Who asked and changed what",
        description="As CloudEvents, oldest first. Questions that are asked again within seconds are counted in one.",
        responses=answers("The latest entries."),
        parameters=parameters(_AUDIT),
    ),
)
