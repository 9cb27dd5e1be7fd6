"""Dates and times as exports write them, in the zone they are meant in."""

import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

ISO: Final = ""
"""The form that needs no saying: ``2026-11-30``, ``2026-11-30 09:30``, ``2026-11-30T09:30:00Z``."""
DIRECTIVES: Final = "%Y %y %m %d %b %B %H %I %M %S %f %p %z"
WORDS: Final = f'a form such as "%d.%m.%Y %H:%M", of {DIRECTIVES}'

_ISO = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?\s?(?:Z|[+-]\d\d:?\d\d)?)?\Z", re.ASCII)
_DIRECTIVE = re.compile(r"%(.?)")
_KNOWN = {each[1] for each in DIRECTIVES.split()}


def form(text: str) -> str:
    """Checks the form of a date. Raises ValueError with what is wrong and what is allowed."""
    found = {directive[1] for directive in _DIRECTIVE.finditer(text)}
    if not found or not found <= _KNOWN:
        raise ValueError(f"is no form of a date; allowed: {WORDS}")
    if not (found & {"Y", "y"} and found & {"m", "b", "B"} and "d" in found):
        raise ValueError(f"lacks the year, the month or the day; allowed: {WORDS}")
    return text


@lru_cache(maxsize=4096)
def read_moment(text: str, forms: tuple[str, ...], zone: str) -> datetime:
    """The moment that is written; midnight where it is a date. Without an offset it is in ``zone``.

    The forms are tried in order. Raises ValueError with what is allowed.
    """
    for each in forms or (ISO,):
        try:
            moment = _iso(text) if each == ISO else datetime.strptime(text, each)  # noqa: DTZ007 - a zone follows
        except ValueError:
            continue
        return moment if moment.tzinfo is not None else moment.replace(tzinfo=ZoneInfo(zone))
    raise ValueError(f"is no date; allowed: one written like {example(forms)}")


def example(forms: tuple[str, ...]) -> str:
    """How a moment looks in these forms."""
    moment = datetime(2026, 11, 30, 9, 30, tzinfo=UTC)
    return " or ".join(
        moment.strftime(each) if each != ISO else "2026-11-30 or 2026-11-30 09:30:00" for each in forms or (ISO,)
    )


def _iso(text: str) -> datetime:
    if not _ISO.match(text):
        raise ValueError
    return datetime.fromisoformat(text.replace(",", ".").replace(" +", "+").replace(" -", "-").replace(" Z", "Z"))
