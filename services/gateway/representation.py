"""How an answer is sent: in the media type that ``Accept`` asks for, and in pages where it is long."""

import io
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from projections.question import BadQuestion, Question
from services.export.formats import FORMATS, ExportError
from services.export.tabular import Tabular, answer_table, receipt_table
from services.gateway.preference import liked
from services.gateway.problems import Problem
from services.receipt import MOST, PAGE

JSON: Final = "application/json"
MEDIA: Final[dict[str, str]] = {JSON: "json"} | {each.media.partition(";")[0]: name for name, each in FORMATS.items()}
"""Every media type an answer can be sent in, the preferred one first, with its format."""
PAGING: Final = {
    "page_size": "Rows in a page, 1 to 100000; without it, all rows in one answer.",
    "page": "Which page, from 1. The header Link names the next one, at the same cut.",
}
WALKING: Final = {
    "page_size": f"Events in a page, 1 to {MOST}; {PAGE} unless told.",
    "after": "What the page before said in next; the header Link names the next one, at the same cut.",
}
_MOST: Final = 100_000
_encode: Final = msgspec.json.Encoder().encode


def chosen(request: Request) -> str:
    """The media type that the caller likes best (RFC 9110, 12.5.1). Raises Problem 406."""
    told = liked(request, "accept") or {"*/*": 1.0}

    def quality(media: str) -> float:
        ranges = (media, media.partition("/")[0] + "/*", "*/*")
        return next((told[range_] for range_ in ranges if range_ in told), 0)

    best = max(MEDIA, key=quality)  # the first of equals
    if not quality(best):
        sentence = f"the answer cannot be sent so; allowed in Accept: {', '.join(MEDIA)}"
        raise Problem(406, "not-acceptable", sentence, accepted=list(MEDIA))
    return best


def page_of(told: dict[str, Any]) -> tuple[int, int] | None:
    """Takes the page out of the parameters: its number from 1, and its size. None: everything. Raises BadQuestion."""
    size, page = told.pop("page_size", None), told.pop("page", None)
    if size is None and page is not None:
        raise BadQuestion("page", "is told without page_size; allowed: both")
    if size is None:
        return None
    return _whole("page", page or "1", 10**9), _whole("page_size", size, _MOST)


def _whole(name: str, text: str, most: int) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 11 and 1 <= int(text) <= most):
        raise BadQuestion(name, f"{text[:40]!r} is out of range; allowed: 1 to {most}")
    return int(text)


def sent(
    request: Request,
    asked: Question,
    answer: dict[str, Any],
    page: tuple[int, int] | None,
    media: str,
    headers: Mapping[str, str],
) -> Response:
    """The answer, or one page of it, in a media type."""
    told = {**headers, "Vary": "Accept"}
    if page is not None:
        number, size = page
        rows = answer["rows"]
        answer = answer | {"rows": rows[(number - 1) * size : number * size]}
        answer["page"] = {"number": number, "size": size, "rows": len(rows)}
        if number * size < len(rows):
            told["Link"] = f'<{_next(request, answer["cut"]["position"], page=number + 1)}>; rel="next"'
    if media == JSON:
        return Response(_encode(answer), headers=told, media_type=JSON)
    return _as_file(answer_table(asked, answer), asked.kpi.id, media, told)


def size_of(told: dict[str, Any]) -> int:
    """Takes the size of a page of a receipt out of the parameters. Raises BadQuestion."""
    return _whole("page_size", told.pop("page_size", str(PAGE)), MOST)


def receipt_sent(
    request: Request, asked: Question, receipt: dict[str, Any], media: str, headers: Mapping[str, str]
) -> Response:
    """A page of a receipt in a media type; but in JSON a table of its events."""
    told = {**headers, "Vary": "Accept, Accept-Language"}
    if receipt["next"] is not None:
        following = _next(request, receipt["cut"]["position"], after=receipt["next"])
        told["Link"] = f'<{following}>; rel="next"'
    if media == JSON:
        return Response(_encode(receipt), headers=told, media_type=JSON)
    return _as_file(receipt_table(asked, receipt), f"{asked.kpi.id}-receipt", media, told)


def _as_file(table: Tabular, name: str, media: str, headers: dict[str, str]) -> Response:
    """Raises Problem 406 where the format cannot hold the table."""
    out, format_ = io.BytesIO(), FORMATS[MEDIA[media]]
    try:
        format_.write(table, out)
    except ExportError as error:
        raise Problem(406, "not-acceptable", str(error)) from error
    headers["Content-Disposition"] = f'attachment; filename="{name.replace("/", "-")}.{MEDIA[media]}"'
    return Response(out.getvalue(), headers=headers | {"Content-Type": format_.media})


def _next(request: Request, position: int, **told: Any) -> str:
    """The same question for the next page, as it is known at the cut of this one."""
    again = [each for each in request.query_params.multi_items() if each[0] not in ("as_of", *told)]
    return f"{request.url.path}?{urlencode([*again, ('as_of', position), *told.items()])}"
