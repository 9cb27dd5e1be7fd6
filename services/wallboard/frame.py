"""Frames: everything on a board, read at one cut, so no two tiles can disagree."""

from collections.abc import Callable, Generator
from typing import Any, Final

from events.envelope import to_text
from projections.answer import cut_json
from projections.compute import computed
from projections.periods import moment
from projections.sources import KNOWN
from services.books import Books
from services.journal.port import Cut
from services.wallboard.board import Board
from services.wallboard.known import Knowing, Known, as_text
from services.wallboard.privacy import Privacy, Stated
from services.wallboard.sheet import Found, Sheet, Want
from services.wallboard.style import Style
from services.wallboard.tiles import TILES, Scene, Told, wins

Clock = Callable[[Cut], int]
"""What time it is on the wall, in milliseconds, when everything up to a cut is known."""
Health = Callable[[Books, Cut], Told]
"""How the books are at a cut."""
_LATEST: Final = 50
"""Wins that are kept, of which a board shows some."""
_STANDS: Final = "(net > 0, at, rep_id, region)"
_WON: Final = f"""
    SELECT entity, max(latest), argMax(at, {_STANDS}), sum(worth), any(currency), argMax(rep_id, {_STANDS}),
        argMax(region, {_STANDS})
    FROM (SELECT entity, currency, at_ms AS at, rep_id, region, max(position) AS latest, sum(count) AS net,
            sum(amount) AS worth
        FROM {{postings}} AS p WHERE {KNOWN} AND measure = 'won' GROUP BY entity, currency, at_ms, rep_id, region)
    GROUP BY entity, currency HAVING sum(net) > 0"""
_LAST_WON: Final = f"""
    {
    _WON.replace(
        "'won'",
        f"'won' AND entity IN (SELECT entity FROM {{postings}} WHERE {KNOWN} AND measure = 'won' "
        "ORDER BY position DESC LIMIT 1000)",
    )
}
    ORDER BY max(latest) DESC LIMIT {_LATEST}"""


class Framer:
    """Makes the frames of one board, one after the other; what one has found the next need not look for again.

    Not for several threads at a time.
    """

    def __init__(self, board: Board, style: Style, of: str = "") -> None:
        self._board: Final = board
        self._style: Final = style
        self._privacy: Final = style.privacy.with_(Privacy(board.names or "full"))
        self._of: Final = of
        self._tables = ""
        self._begin("")

    def _begin(self, tables: str) -> None:
        """Know nothing yet of this set of tables."""
        self._tables = tables
        self._forget()

    def _forget(self) -> None:
        self._sheet = Sheet()
        self._knowing = Knowing()
        self._stated = Stated()
        self._known: Known | None = None
        self._memory: dict[Any, Any] = {}
        self._wins: tuple[int, list[tuple[Any, ...]]] = -1, []

    def frame(self, books: Books, as_of: str | None, clock: Clock, health: Health | None = None) -> Told:
        """The board as it is known now, or was known then. Raises BadQuestion.

        A past frame shows the periods that were running then: at the moment told, or when a position was recorded.
        """
        if books.tables != self._tables:
            self._begin(books.tables)
        as_of = books.past if as_of is None else as_of
        if books.tables != self._tables:
            self._forget()
            self._tables = books.tables
        cut = books.latest() if as_of is None else books.cut(as_of)
        known = self._knowing.at(books, cut)
        if known is not self._known:
            self._known, self._memory = known, {}
        pulse = health(books, cut) if health is not None and as_of is None else None
        at_ms = clock(cut) if as_of is None else cut.recorded_ms if as_of.isdecimal() else moment(as_of, known.calendar)
        privacy = self._privacy.with_(self._stated.now(books))
        scene = Scene(known, at_ms, self._board, self._of, privacy, self._memory)
        return {
            "cut": cut_json(cut.position, cut.recorded_ms),
            "live": as_of is None,
            "now": to_text(at_ms),
            "since": as_text(known.since_ms),
            "zone": str(known.calendar.zone(at_ms)),
            "currency": known.calendar.currency,
            "up": self._board.up or self._style.up,
            "celebrate": self._board.celebrate,
            "of": self._of or None,
            "choices": self._choices(known, at_ms, privacy),
            "health": pulse and _in_short(pulse),
            "tiles": self._tiles(books, cut, scene, pulse),
        }

    def _tiles(self, books: Books, cut: Cut, scene: Scene, pulse: Told | None) -> list[Told]:
        works = [TILES[tile.kind](scene, tile) for tile in self._board.tiles]
        wanted = [next(work) for work in works]
        found = iter(self._sheet.read(books, cut, scene.known.definitions, [want for each in wanted for want in each]))
        told = []
        for tile, work, wants in zip(self._board.tiles, works, wanted, strict=True):
            wide, tall = tile.size
            shape: Told = {"kind": tile.kind, "wide": wide, "tall": tall}
            shape |= {"title": {"en": tile.title.en, "zh": tile.title.zh}} if tile.title else {}
            made = _finished(work, [next(found) for _ in wants])
            if tile.kind == "wins":
                made["wins"] = wins(self._won(books, cut)[: tile.limit], scene)
            if tile.kind == "health":
                made["health"] = pulse
            told.append(shape | made)
        return told

    def _won(self, books: Books, cut: Cut) -> list[tuple[Any, ...]]:
        """The latest wins that stand."""
        known, rows = self._wins
        changed = self._sheet.changed("won", known)
        if known < 0 or known > cut.position or changed is None:
            rows = self._last_won(books, cut)
        elif changed:
            lines = self._sheet.lines(books, "entity", frozenset({"won"}), changed)
            rest = [row for row in rows if row[0] not in set(changed)]
            rows = sorted([*computed(_WON, lines, {}), *rest], key=lambda row: -row[1])
            if len(rows) < len(self._wins[1]):
                rows = self._last_won(books, cut)
        self._wins = cut.position, rows[:_LATEST]
        return rows

    def _last_won(self, books: Books, cut: Cut) -> list[tuple[Any, ...]]:
        return books.query(_LAST_WON, {"tenant": books.tenant, "cut": cut.position})

    def _choices(self, known: Known, at_ms: int, privacy: Privacy) -> list[Told] | None:
        """Of whom the board can be."""
        match self._board.of:
            case "":
                return None
            case "rep_id":
                there = sorted({stint.rep_id for stint in known.definitions.stints if stint.to_ms is None})
                return [{"of": rep, "name": known.called(rep, privacy, rep) or rep} for rep in there]
            case dimension:
                return [{"of": each, "name": each} for each in sorted(known.heads(dimension, at_ms)) if each]


def _in_short(pulse: Told) -> Told:
    """The health for the badge: whether everything told is counted and the laws hold, None before these were looked at;
    and up to when something is known to have happened."""
    laws = pulse.get("laws")
    holds = None if laws is None else all(law["holds"] for law in laws)
    return {"holds": holds if pulse["counted"] else False, "lag": pulse["lag"], "latest": pulse.get("latest")}


def _finished(work: Generator[list[Want], list[Found], Told], found: list[Found]) -> Told:
    try:
        work.send(found)
    except StopIteration as stop:
        told: Told = stop.value
        return told
    raise AssertionError("a tile asks once")
