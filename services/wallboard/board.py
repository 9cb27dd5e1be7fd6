"""Boards: which tiles a page shows, declared in one YAML file each. A company adds its own in a folder."""

import re
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Final, Literal, get_args

import msgspec
import yaml

from events.walls import Names
from projections.catalogue import BY_ID
from projections.question import BadQuestion, Question, question

Kind = Literal["number", "trend", "bars", "leaders", "funnel", "bridge", "heat", "table", "wins", "health"]
KINDS: Final[tuple[str, ...]] = get_args(Kind)
Grain = Literal["day", "week", "month", "quarter", "year"]
Of = Literal["", "rep_id", "team_id", "region", "product"]
NAME: Final = re.compile(r"[a-z0-9_-]{1,40}\Z")
SIZES: Final[dict[str, tuple[int, int]]] = {
    "number": (3, 1), "trend": (6, 2), "bars": (4, 2), "leaders": (4, 2), "funnel": (4, 2), "bridge": (6, 2),
    "heat": (6, 2), "table": (6, 2), "wins": (4, 2), "health": (12, 3),
}  # fmt: skip
"""Columns of twelve and rows that a tile takes, where it does not say so itself."""
_BY: Final = ("bars", "leaders", "funnel", "bridge", "table")
"""The kinds that show a value for each of a dimension."""
BRIDGES: Final = ("pipeline_bridge",)
"""KPIs whose parts are the steps of a bridge; it is about no dimension."""


class BoardError(Exception):
    """A board that cannot be shown. One sentence names the file, the place and what is allowed."""


class Words(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A text in both languages."""

    en: str
    zh: str


class Tile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One thing on a board."""

    kind: Kind
    """``number``: one value, its course, its target, and the same part of the period before; ``trend``: the same,
    drawn large over the period before; ``bars``: a value for each of a dimension, the largest first; ``leaders``: the
    same with who rose and fell since the day began; ``funnel``: stages in their order; ``bridge``: what led from the
    period before to this one, or, of ``pipeline_bridge``, from its begin to now; ``heat``: when in the week; ``table``:
    several KPIs for each of a dimension; ``wins``: the latest wins; ``health``: whether the books can be trusted."""
    kpi: str = ""
    kpis: tuple[str, ...] = ()
    """Of a table."""
    period: Grain = "month"
    """The period that is running, in the tenant's calendar."""
    by: str = ""
    where: tuple[str, ...] = ()
    limit: Annotated[int, msgspec.Meta(ge=1, le=50)] = 8
    title: Words | None = None
    wide: Annotated[int, msgspec.Meta(ge=1, le=12)] | None = None
    """Columns of twelve."""
    tall: Annotated[int, msgspec.Meta(ge=1, le=6)] | None = None
    """Rows."""

    @property
    def size(self) -> tuple[int, int]:
        """Columns of twelve, and rows."""
        wide, tall = SIZES[self.kind]
        return self.wide or wide, self.tall or tall

    def asked(self, kpi: str = "", also: tuple[str, ...] = ()) -> Question:
        """The question behind it, with more filters than its own. Raises BadQuestion."""
        return question(kpi or self.kpi, by=[self.by] if self.by else [], where=[*self.where, *also])


class Board(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one page shows, in order."""

    title: Words
    tiles: Annotated[tuple[Tile, ...], msgspec.Meta(min_length=1, max_length=40)]
    of: Of = ""
    """The board is about one value of this dimension, which the viewer chooses."""
    names: Names | None = None
    """How people are named on it, where that is less than the setting allows."""
    celebrate: Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,15}(\.[0-9]{1,4})?$")] = "0"
    """Wins of this amount or more are celebrated, in the company's currency."""
    lang: Literal["", "en", "zh"] = ""
    """In which language it is, and in which theme, where neither the link nor the viewer says."""
    theme: Literal["", "dark", "light"] = ""
    up: Literal["", "green", "red"] = ""
    """The colour of what is better, where it is not that of the setting."""


class Boards:
    """The boards that come with Salestream, and those of a folder; a name that is in both is the folder's."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder

    @cached_property
    def all(self) -> dict[str, Board]:
        """By name. Raises BoardError."""
        shipped = {path.name: path.read_text("utf-8") for path in (files(__package__) / "boards").iterdir()}
        if self._folder is not None and not self._folder.is_dir():
            raise BoardError(f"there is no folder {self._folder} with boards; make it, or set SALESTREAM_BOARDS anew")
        own = sorted(self._folder.glob("*.yaml")) if self._folder else []
        try:
            texts = shipped | {path.name: path.read_text("utf-8") for path in own}
        except (OSError, UnicodeError) as error:
            raise BoardError(f"the boards in {self._folder} cannot be read: {error}") from error
        return {name.removesuffix(".yaml"): board(name, text) for name, text in sorted(texts.items())}


def board(name: str, text: str) -> Board:
    """The board that a file declares. Raises BoardError."""
    if not NAME.match(name.removesuffix(".yaml")):
        raise BoardError(f"{name} is no name of a board; allowed: a-z, 0-9, _ and -, and .yaml")
    try:
        made = msgspec.convert(yaml.safe_load(text), Board)
    except yaml.YAMLError as error:
        raise BoardError(f"{name} is no YAML: {' '.join(str(error).split())}") from error
    except msgspec.ValidationError as error:
        raise BoardError(f"{name}{_sentence(str(error))}") from error
    for number, tile in enumerate(made.tiles, 1):
        try:
            _check(tile, made.of)
        except BadQuestion as error:
            raise BoardError(f"{name}, tile {number}: {error}") from error
    return made


_ALLOWED: Final = {
    "title": "a text in both languages, {en: …, zh: …}",
    "tiles": "a list of 1 to 40 tiles",
    "kind": ", ".join(KINDS),
    "period": ", ".join(get_args(Grain)),
    "of": ", ".join(filter(None, get_args(Of))),
    "names": ", ".join(get_args(Names)),
    "celebrate": 'an amount in quotes, such as "50000"',
    "lang": "en, zh",
    "theme": "dark, light",
    "up": "green, red",
    "kpis": "a list of KPIs",
    "where": "a list such as [region=华东]",
    "limit": "1 to 50",
    "wide": "1 to 12",
    "tall": "1 to 6",
}
"""What a field of a board or a tile may be."""
_PLACE: Final = re.compile(r"(?P<what>.*?)(?: - at `\$(?:\.tiles\[(?P<tile>\d+)\])?\.?(?P<field>[^`]*)`)?\Z")


def _sentence(error: str) -> str:
    """What is wrong in a file by the error of msgspec: the place, what it is, and what is allowed there."""
    found = _PLACE.match(error)
    assert found is not None, "matches anything"
    what, tile, field = found["what"], found["tile"], found["field"] or ""
    of = Words if field == "title" else Tile if tile else Board
    fields = ", ".join(of.__struct_fields__)
    allowed = fields if "field" in what else _ALLOWED.get(field.partition("[")[0], fields if not field else "a text")
    place = f"{f', tile {int(tile) + 1}' if tile else ''}{f', {field}' if field else ''}"
    return f"{place}: {what[:1].lower()}{what[1:]}; allowed: {allowed}"


def _check(tile: Tile, of: str) -> None:
    if tile.kind in ("wins", "health"):
        return
    if tile.kind == "table" and not tile.kpis:
        raise BadQuestion("kpis", "is missing; allowed: a list of KPIs")
    for kpi in tile.kpis if tile.kind == "table" else (tile.kpi,):
        _check_kpi(tile, kpi)
        if of and of != tile.by and of in BY_ID[kpi].dims:
            tile.asked(kpi, (f"{of}=…",))


def _check_kpi(tile: Tile, kpi: str) -> None:
    if kpi not in BY_ID:
        raise BadQuestion("kpi", f"{kpi!r} is not known; allowed: {', '.join(BY_ID)}")
    if tile.kind == "bridge" and kpi in BRIDGES and not tile.by:
        tile.asked(kpi)
        return
    if tile.kind in _BY and not tile.by:
        raise BadQuestion("by", "is missing; allowed: one dimension")
    if tile.kind not in _BY and (tile.by or BY_ID[kpi].needs):
        raise BadQuestion("by", f"is not for a {tile.kind}; allowed: kind bars")
    if tile.kind == "funnel" and kpi != "stage_conversion":
        raise BadQuestion("kpi", f"{kpi!r} is not what a funnel shows; allowed: stage_conversion")
    if tile.kind in ("bridge", "heat") and not adds_up(kpi):
        raise BadQuestion("kpi", f"{kpi!r} is no sum over time, which a {tile.kind} needs; allowed: such as revenue")
    if len(tile.asked(kpi).by) > 1:
        raise BadQuestion("by", f"{tile.by!r} does not fit {kpi}; allowed: {', '.join(BY_ID[kpi].needs)}")


def adds_up(kpi: str) -> bool:
    """Whether its values over parts of a period add up to its value over the period."""
    found = BY_ID[kpi]
    sums = all(part.stat == "sum" and not part.special and part.window == "period" for part in found.parts)
    return sums and found.unit in ("money", "count") and not any(sign in found.formula.words() for sign in "/*")
