"""Frames: everything on a board, read at one cut, so no two tiles can disagree."""

from typing import Any, Final

from events.envelope import to_text
from events.words import major
from projections.answer import cut_json
from projections.catalogue import BY_ID
from projections.definitions import Calendar
from projections.periods import Period, running
from services.books import Books
from services.wallboard.board import Board, Tile

_FINER: Final = {"day": "hour", "week": "day", "month": "day", "quarter": "week", "year": "month"}
"""The steps of a number's course within its period."""


def frame(books: Books, board: Board, as_of: str | None, now_ms: int) -> dict[str, Any]:
    """The board as it is known now, or was known then. Raises BadQuestion.

    A past frame shows the periods that were running when the last event before it was recorded.
    """
    cut = books.cut(as_of)
    calendar = books.definitions(cut.position).calendar
    moment = now_ms if as_of is None else cut.recorded_ms
    at = str(cut.position)
    return {
        "cut": cut_json(cut.position, cut.recorded_ms),
        "live": as_of is None,
        "now": to_text(moment),
        "since": _since(books),
        "currency": calendar.currency,
        "tiles": [_tile(books, tile, calendar, moment, at) for tile in board.tiles],
    }


def _since(books: Books) -> str | None:
    """When the first event was recorded."""
    rows = books.query(
        "SELECT count(), min(recorded_ms) FROM {history} WHERE tenant = {tenant:String}", {"tenant": books.tenant}
    )
    return to_text(rows[0][1]) if rows[0][0] else None


def _tile(books: Books, tile: Tile, calendar: Calendar, now_ms: int, at: str) -> dict[str, Any]:
    if tile.kind == "wins":
        return {"kind": "wins", "wins": _wins(books, tile.limit, int(at))}
    kpi = BY_ID[tile.kpi]
    told: dict[str, Any] = {
        "kind": tile.kind, "kpi": kpi.id, "title": {"en": kpi.name.replace("_", " "), "zh": kpi.zh},
        "unit": kpi.unit, "better": kpi.better, "period": tile.period, "by": tile.by or None,
    }  # fmt: skip
    now = running(tile.period, now_ms, calendar)
    asked: dict[str, Any] = {**_between(now), "as_of": at}
    told["question"] = {**asked, "where": list(tile.where)}
    if tile.kind == "bars":
        order = "-value" if not kpi.needs else None
        rows = books.ask(tile.asked(by=[tile.by], order=order, limit=tile.limit, **_named(asked)))["rows"]
        return told | {"rows": [{"name": row[tile.by], "value": row["value"]} for row in rows]}
    told["label"] = now.label
    answer = books.ask(tile.asked(**_named(asked)))
    before = running(tile.period, now.from_ms - 1, calendar)
    told["value"] = answer["rows"][0]["value"]
    told["before"] = books.ask(tile.asked(**_named({**_between(before), "as_of": at})))["rows"][0]["value"]
    so_far = {**asked, "to": to_text(max(min(now.to_ms, now_ms + 1), now.from_ms + 1))}
    course = books.ask(tile.asked(grain=_FINER[tile.period], **_named(so_far)))["rows"]
    return told | {"course": [row["value"] for row in course]}


def _between(period: Period) -> dict[str, str]:
    return {"from": to_text(period.from_ms), "to": to_text(period.to_ms)}


def _named(asked: dict[str, Any]) -> dict[str, Any]:
    """As ``question`` takes it."""
    return {("from_" if name == "from" else name): value for name, value in asked.items()}


def _wins(books: Books, limit: int, position: int) -> list[dict[str, Any]]:
    """The wins that were learned last and stand."""
    rows = books.query(
        """
        SELECT entity, max(position), argMax(at_ms, position), sum(amount), any(currency), argMax(rep_id, position)
        FROM {postings}
        WHERE tenant = {tenant:String} AND position <= {position:UInt64} AND measure = 'won'
        GROUP BY entity, currency HAVING sum(count) > 0 ORDER BY max(position) DESC LIMIT {limit:UInt64}""",
        {"tenant": books.tenant, "position": position, "limit": limit},
    )
    return [
        {"deal": deal, "position": learned, "time": to_text(at_ms), "amount": major(amount, currency),
         "currency": currency, "rep": rep or None}
        for deal, learned, at_ms, amount, currency, rep in rows
        if currency
    ]  # fmt: skip
