"""Boards: which tiles a page shows, declared in one YAML file each. A company adds its own in a folder."""

import re
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec
import yaml

from projections.catalogue import BY_ID
from projections.question import BadQuestion, Question, question

Kind = Literal["number", "bars", "wins"]
Grain = Literal["day", "week", "month", "quarter", "year"]
NAME: Final = re.compile(r"[a-z0-9_-]{1,40}\Z")


class BoardError(Exception):
    """A board that cannot be shown. One sentence names the file, the place and what is allowed."""


class Tile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One thing on a board."""

    kind: Kind
    """``number``: one value, its course and the period before; ``bars``: a value for each of a dimension, the largest
    first; ``wins``: the latest wins."""
    kpi: str = ""
    period: Grain = "month"
    """The period that is running, in the tenant's calendar."""
    by: str = ""
    where: tuple[str, ...] = ()
    limit: Annotated[int, msgspec.Meta(ge=1, le=50)] = 12

    def asked(self, **told: Any) -> Question:
        """The question behind it. Raises BadQuestion."""
        return question(self.kpi, where=self.where, **told)


class Words(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A text in both languages."""

    en: str
    zh: str


class Board(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one page shows, in order."""

    title: Words
    tiles: Annotated[tuple[Tile, ...], msgspec.Meta(min_length=1, max_length=40)]


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
        raise BoardError(f"{name}: {error}") from error
    for number, tile in enumerate(made.tiles, 1):
        try:
            _check(tile)
        except BadQuestion as error:
            raise BoardError(f"{name}, tile {number}: {error}") from error
    return made


def _check(tile: Tile) -> None:
    if tile.kind == "wins":
        return
    if tile.kpi not in BY_ID:
        raise BadQuestion("kpi", f"{tile.kpi!r} is not known; allowed: {', '.join(BY_ID)}")
    if tile.kind == "bars" and not tile.by:
        raise BadQuestion("by", "is missing; allowed: one dimension")
    if tile.kind == "number" and (tile.by or BY_ID[tile.kpi].needs):
        raise BadQuestion("by", "is not for a number; allowed: kind bars")
    tile.asked(by=[tile.by] if tile.by else [])
