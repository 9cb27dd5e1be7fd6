"""Reading over HTTP: the catalogue, KPIs, receipts, changes and histories; answered as the command line answers."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from events.vocabulary import EVENTS
from projections.answer import definition
from projections.catalogue import KPIS
from projections.kpi import Kpi
from projections.question import BadQuestion, Question, question
from services.books import Books
from services.changes import changes
from services.gateway.access import Caller
from services.gateway.gateway import Gateway, Route
from services.gateway.preference import language
from services.gateway.problems import Problem, unavailable
from services.gateway.reader import Reader
from services.gateway.representation import MEDIA, PAGING, WALKING, chosen, page_of, receipt_sent, sent, size_of
from services.journal.port import JournalError
from services.meanings import meaning
from services.receipt import explain, history
from services.sentences import sentence
from services.status import of_tenant
from services.store.port import StoreError

_encode: Final = msgspec.json.Encoder().encode
_QUESTION: Final = {
    "by": "A dimension to group by; may be repeated, or a,b.",
    "where": "dimension=value; may be repeated, values of one dimension are alternatives.",
    "grain": "hour, day, week, month, quarter, year, fiscal_quarter, fiscal_year or total.",
    "from": "From here on, included: 2026, 2026-Q4, FY2026-Q4, 2026-11, 2026-11-22 or RFC 3339 with an offset.",
    "to": "Up to here, excluded.",
    "as_of": "As it was known then: a recorded time, or a position of the journal.",
    "currency": "The currency of the answer, such as EUR.",
    "org": "Team, region and manager: event (as told, else of the rep then), then (of the rep at the time) or now.",
    "fx": "Amounts are converted at rates of the day, period or plan; none: each currency by itself.",
    "compare": "With the previous period, or the same of the year before (year).",
    "limit": "At most so many rows.",
    "rest": "true: with limit, the rest as one row; the limit is of each period.",
    "order": "By period, value or a dimension; with - falling.",
}
CUT: Final = "salestream-cut"
"""The header that says at which position of the journal something was answered."""
_MANY: Final = ("by", "where")
_MOMENTS: Final = ("from", "to", "as_of", "known_from", "known_to")
_BARE_PLUS: Final = re.compile(r"(T[\d:.]+) (\d\d:\d\d)\Z", re.ASCII | re.IGNORECASE)
"""The plus sign of an offset, where it was not encoded, arrives as a space."""
_KNOWN: Final = {
    "known_from": "The earlier moment of knowing: a recorded time, or a position of the journal.",
    "known_to": "The later one; without it, now.",
}


async def catalogue(gateway: Gateway, caller: Caller, request: Request) -> Response:
    """Every KPI there is."""
    told(request, {})
    return _json([_kpi(kpi) for kpi in KPIS])


def _kpi(kpi: Kpi) -> dict[str, Any]:
    told: dict[str, Any] = {"id": kpi.id, "name": {"en": kpi.name, "zh": kpi.zh}, "unit": kpi.unit, "kind": kpi.kind}
    told |= {"better": kpi.better, "dimensions": sorted(kpi.dims), "definition": definition(kpi)}
    return told | {"meaning": {"en": kpi.meaning, "zh": meaning(kpi.id, kpi.meaning, "zh")}, "source": kpi.origin}


async def ask(gateway: Gateway, caller: Caller, request: Request) -> Response:
    """One question."""
    parameters = told(request, _QUESTION | PAGING)
    media = chosen(request)
    try:
        page = page_of(parameters)
    except BadQuestion as error:
        raise refused(error) from error
    asked = _question(request, parameters)

    def work(books: Books) -> Response:
        """Answered, unless the caller has what stands at the cut already."""
        position, laws = books.cut(asked.as_of).position, gateway.laws.known(books).told()
        trusted = f"{laws['hold']}-{'-'.join(laws['broken'])}"
        tag = f'W/"{position}-{asked.kpi.hash}-{MEDIA[media]}-{books.tables}-{trusted}"'
        headers = {"ETag": tag, CUT: str(position)}
        if _has(request, tag):
            return Response(status_code=304, headers=headers)
        return sent(request, asked, books.ask(asked) | {"laws": laws}, page, media, headers)

    return await read(gateway, caller, work)


def _has(request: Request, tag: str) -> bool:
    """Whether the caller has what the tag names (RFC 9110, 13.1.2)."""
    known = {each.strip() for each in ",".join(request.headers.getlist("if-none-match")).split(",")}
    return not known.isdisjoint((tag, tag.removeprefix("W/"), "*"))


async def receipt(gateway: Gateway, caller: Caller, request: Request) -> Response:
    """A page of the receipt of one cell."""
    parameters, media = told(request, _QUESTION | WALKING), chosen(request)
    try:
        size, after = size_of(parameters), parameters.pop("after", None)
    except BadQuestion as error:
        raise refused(error) from error
    asked = _question(request, parameters)

    def work(books: Books) -> Response:
        found = explain(books, asked, size, after) | {"laws": gateway.laws.known(books).told()}
        if language(request) == "zh":
            found["excluded"] = [each | {"reason": sentence(each["reason"])} for each in found["excluded"]]
        return receipt_sent(request, asked, found, media, {CUT: str(found["cut"]["position"])})

    return await read(gateway, caller, work)


async def changed(gateway: Gateway, caller: Caller, request: Request) -> Response:
    """Why one cell changed."""
    asked_for = told(request, {name: text for name, text in _QUESTION.items() if name != "as_of"} | _KNOWN)
    known_from, known_to = asked_for.pop("known_from", None), asked_for.pop("known_to", None)
    if known_from is None:
        raise refused(BadQuestion("known_from", "is missing; allowed: a recorded time, or a position of the journal"))
    asked = _question(request, asked_for)

    def work(books: Books) -> Response:
        found = changes(books, asked, known_from, known_to)
        return _json(found | {"laws": gateway.laws.known(books).told()})

    return await read(gateway, caller, work)


async def story(gateway: Gateway, caller: Caller, request: Request) -> Response:
    """Everything known about one entity."""
    told(request, {})
    kind, entity = request.path_params["entity"], request.path_params["id"]
    kinds = list(dict.fromkeys(event.KIND for event in EVENTS))
    if kind not in kinds:
        raise refused(BadQuestion("entity", f"{kind!r} is no entity; allowed: {', '.join(kinds)}"))
    opener = gateway.journal if caller.personal else None
    return await read(gateway, caller, lambda books: _json(history(books, kind, entity, opener)))


async def status(gateway: Gateway, caller: Caller, request: Request) -> Response:
    """How far the books of the caller's tenant are, and whether they can be trusted."""
    told(request, {})

    def work(books: Books) -> Response:
        look = gateway.laws.known(books)
        if look.broken is None:
            look = gateway.laws.look(books)
        standing = of_tenant(gateway.journal, books, books.tenant, books.cut(None), look.broken)
        return _json(standing | {"laws_at": look.position})

    return await _asked(gateway.checker, caller, work)


async def read(gateway: Gateway, caller: Caller, work: Callable[[Books], Response]) -> Response:
    return await _asked(gateway.reader, caller, work)


async def _asked(reader: Reader | None, caller: Caller, work: Callable[[Books], Response]) -> Response:
    if reader is None:
        raise unavailable("this process takes events only; ask one that has a store")
    try:
        return await reader.ask(caller.tenant, work)
    except BadQuestion as error:
        raise refused(error) from error
    except (StoreError, JournalError) as error:
        raise unavailable("the books cannot be read now; try again") from error


def told(request: Request, allowed: Mapping[str, str]) -> dict[str, Any]:
    """The parameters of a request, those that may be repeated as lists. Raises Problem."""
    found: dict[str, Any] = {}
    for name, value in request.query_params.multi_items():
        if name not in allowed:
            words = ", ".join(allowed) or "none"
            raise refused(BadQuestion(name[:40], f"is no parameter of this path; allowed: {words}"))
        if name in _MANY:
            found.setdefault(name, []).append(value)
        elif name in found:
            raise refused(BadQuestion(name, "is told twice; allowed: once"))
        else:
            found[name] = _BARE_PLUS.sub(r"\1+\2", value) if name in _MOMENTS else value
    return found


def _question(request: Request, told: dict[str, Any]) -> Question:
    """The question of a request. Raises Problem."""
    told["from_"] = told.pop("from", None)
    limit, rest = told.pop("limit", None), told.pop("rest", "false")
    try:
        if rest not in ("true", "false"):
            raise BadQuestion("rest", f"{rest[:40]!r} is not known; allowed: true, false")
        if limit is not None and not (limit.isascii() and limit.isdecimal() and len(limit) < 10):
            raise BadQuestion("limit", f"{limit[:40]!r} is no number; allowed: 1 or more")
        told |= {"limit": None if limit is None else int(limit), "rest": rest == "true"}
        return question(request.path_params["id"], **told)
    except BadQuestion as error:
        raise refused(error) from error


def refused(error: BadQuestion) -> Problem:
    return Problem(400, "bad-question", str(error), field=error.field)


def _json(told: Any, headers: dict[str, str] | None = None) -> Response:
    if isinstance(told, dict) and "cut" in told:
        headers = (headers or {}) | {CUT: str(told["cut"]["position"])}
    return Response(_encode(told), headers=headers, media_type="application/json")


def parameters(allowed: Mapping[str, str], *path: str) -> tuple[dict[str, Any], ...]:
    text = {"type": "string"}
    placed = [{"name": name, "in": "path", "required": True, "schema": text} for name in path]
    many = {"type": "array", "items": text}
    asked = [
        {
            "name": name,
            "in": "query",
            "required": name == "known_from",
            "schema": many if name in _MANY else text,
            "description": words,
        }
        for name, words in allowed.items()
    ]
    return (*placed, *asked)


def answers(words: str) -> dict[int, dict[str, Any]]:
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {
        200: {"description": words, "content": {"application/json": {"schema": {}}}},
        400: {"description": "A question that cannot be asked; it says what is allowed.", "content": problem},
    }


def _represented(words: str) -> dict[int, dict[str, Any]]:
    told = answers(f"{words}, in the media type that Accept asks for.")
    told[200]["content"] |= {media: {} for media in MEDIA if media != "application/json"}
    return told | {406: {"description": "None of the media types of Accept is there; it says which are."}}


_REPRESENTED: Final = _represented("The answer") | {304: {"description": "What If-None-Match names still stands."}}
_ID: Final = "An id of the catalogue; the slash of a variant is written as ~."
ROUTES: Final = (
    Route(
        method="GET", path="/api/kpis", scope="read", handler=catalogue,
        summary="Every KPI", description="Meaning, formula, unit and dimensions of every KPI there is.",
        responses=answers("The catalogue."),
    ),
    Route(
        method="GET", path="/api/kpis/{id}", scope="read", handler=ask,
        summary="Ask a KPI", description=f"By anything, in any period, as known now or at any moment. {_ID}",
        responses=_REPRESENTED, parameters=parameters(_QUESTION | PAGING, "id"),
    ),
    Route(
        method="GET", path="/api/kpis/{id}/explain", scope="read", handler=receipt,
        summary="Explain one number",
        description="The events that make it, and those left out and why, in pages: first those that count, in the "
        f"order of the journal, then those of the same histories and those left out. {_ID}",
        responses=_represented("The receipt, or its events"), parameters=parameters(_QUESTION | WALKING, "id"),
    ),
    Route(
        method="GET", path="/api/kpis/{id}/changes", scope="read", handler=changed,
        summary="Why one number changed",
        description=f"Between two moments of knowing: causes whose effects add up to the difference. {_ID}",
        responses=answers("The causes."),
        parameters=parameters({name: text for name, text in _QUESTION.items() if name != "as_of"} | _KNOWN, "id"),
    ),
    Route(
        method="GET", path="/api/history/{entity}/{id}", scope="read", handler=story, slashes=True,
        summary="Everything known about one entity",
        description="Of one deal, lead, customer, order or rep: its events on both clocks, and what was posted. "
        "What is personal is shown to keys that have the scope admin too.",
        responses=answers("The history."), parameters=parameters({}, "entity", "id"),
    ),
    Route(
        method="GET", path="/api/status", scope="read", handler=status,
        summary="Whether the books can be trusted",
        description="Positions of journal and ledger; told = accepted + duplicates + refused, accepted = applied + "
        "parked; each law of the ledger, as it was at `laws_at`, lately.",
        responses=answers("The status."), parameters=parameters({}),
    ),
)  # fmt: skip
