"""The words events are written in: ids, money, decimals, dates.

Every word carries its limits, what it allows in plain words, and an example; refusals, samples, documentation and
JSON Schema follow from them. Decimals are kept as text, so nothing is ever rounded on its way in.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from typing import Annotated, Any, Final
from zoneinfo import available_timezones

from pydantic import BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from events.currencies import EXPONENTS

MAX_MINOR: Final = 10**15
"""The largest single amount, in minor units: ten trillion yuan."""


@dataclass(frozen=True, slots=True)
class Personal:
    """Marks a field that tells who a person is. It is sealed before it is stored and never enters a ledger."""


@dataclass(frozen=True, slots=True)
class Allowed:
    """Says in words what a word allows. Refusals end with it, and the catalogue shows it."""

    words: str
    word: str = ""
    """What the catalogue calls it for short."""


_KINDS: Final[dict[type, str]] = {
    type(None): "null",
    bool: "a boolean",
    int: "an integer",
    float: "a JSON float",
    str: "text",
    dict: "an object",
    list: "a list",
}


def json_kind(value: Any) -> str:
    """What a JSON value is, without telling it: ``"a boolean"``."""
    return _KINDS.get(type(value), "no JSON value")


def _wrong(problem: str) -> PydanticCustomError:
    """The problem of a word; what it allows is told by its mark."""
    return PydanticCustomError("word", problem)


_PLAIN: Final = re.compile(r"-?[0-9]{1,24}(\.[0-9]{1,12})?\Z")
_HUGE: Final = 10**24


def _decimal(value: Any) -> str:
    """A told decimal as its shortest plain text: ``"012.50"`` is ``"12.5"``."""
    if type(value) is str:
        text = value
    elif type(value) is int:
        text = str(value) if -_HUGE < value < _HUGE else ""
    else:
        digits = ", and digits would be lost" if type(value) is float else ""
        raise _wrong(f"is {json_kind(value)}{digits}")
    if not _PLAIN.match(text):
        raise _wrong("is not a plain decimal of at most 24 digits and 12 decimals")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    if text[0] in "-0":
        whole, dot, part = text.lstrip("-").partition(".")
        short = (whole.lstrip("0") or "0") + dot + part
        text = f"-{short}" if text[0] == "-" and short != "0" else short
    return text


def _money(value: Any) -> str:
    text = _decimal(value)
    if text[0] == "-":
        raise _wrong("is negative")
    return text


def _between(low: str, high: str, decimals: int, *, floats: bool) -> Callable[[Any], str]:
    """Reads a decimal within limits; a JSON float as its shortest decimal, where floats are allowed."""
    lowest, highest = Decimal(low), Decimal(high)

    def read(value: Any) -> str:
        text = _decimal(repr(value) if floats and type(value) is float else value)
        if len(text.partition(".")[2]) > decimals:
            raise _wrong("has too many decimals")
        if not lowest <= Decimal(text) <= highest:
            raise _wrong("is out of range")
        return text

    return read


_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")


def _date(value: Any) -> str:
    if not isinstance(value, str) or not _DATE.match(value):
        raise _wrong("is not a date" if isinstance(value, str) else f"is {json_kind(value)}")
    try:
        date.fromisoformat(value)
    except ValueError:
        raise _wrong("is not a day of the calendar") from None
    if not "1900-01-01" <= value <= "2299-12-31":
        raise _wrong("is out of range")
    return value


def _currency(value: Any) -> str:
    if not isinstance(value, str) or value not in EXPONENTS:
        raise _wrong("is not a known currency")
    return value


_zones: Final = cache(available_timezones)


def _time_zone(value: Any) -> str:
    if not isinstance(value, str) or value not in _zones():
        raise _wrong("is not a known time zone")
    return value


# Control characters, and format characters that nobody sees. Spelled as a class that Python, Rust and ECMAScript
# read alike; the joiners U+200C and U+200D are missing from it because emoji and some scripts need them.
_UNSEEN: Final = (
    r"\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
)
NAME_PATTERN: Final = rf"^[^\s{_UNSEEN}]([^{_UNSEEN}]*[^\s{_UNSEEN}])?$"
LINE_PATTERN: Final = rf"^[^{_UNSEEN}]*$"
_NAME: Final = re.compile(rf"[^\s{_UNSEEN}\ud800-\udfff]([^{_UNSEEN}\ud800-\udfff]*[^\s{_UNSEEN}\ud800-\udfff])?\Z")
NAME_WORDS: Final = "1-200 visible characters, no space at either end"


def is_name(value: object) -> bool:
    """Whether ``value`` is what a Name allows."""
    return isinstance(value, str) and len(value) <= 200 and _NAME.match(value) is not None


def tidy(text: str) -> str:
    """What a Name allows of ``text``, for connectors: line ends become spaces, what is unseen goes, the rest is cut."""
    seen = re.sub(rf"[{_UNSEEN}\ud800-\udfff]+", lambda unseen: " " if re.search(r"\s", unseen[0]) else "", text)
    return seen.strip()[:200].rstrip()


Name = Annotated[str, Field(min_length=1, max_length=200, pattern=NAME_PATTERN), Allowed(NAME_WORDS, "name")]
"""An id or a name. No control or invisible characters and no space at either end, which would split one name in two."""

Line = Annotated[str, Field(max_length=200, pattern=LINE_PATTERN), Allowed("text of at most 200 visible characters")]
"""A short text, may be empty."""

Detail = Annotated[str, Field(max_length=200), Allowed("text of at most 200 characters")]
"""Something about a person, as told."""

Text = Annotated[str, Field(max_length=4000), Allowed("text of at most 4000 characters")]
"""Free text, may have lines."""

Money = Annotated[
    str,
    BeforeValidator(_money),
    WithJsonSchema({"type": ["string", "integer"], "pattern": r"^[0-9]{1,24}(\.[0-9]{1,12})?$", "minimum": 0}),
    Allowed(
        'a decimal string such as "12000.50" or an integer, 0 or more, that fits its currency\'s minor unit', "amount"
    ),
    Field(examples=["12000.50"]),
]
"""An amount in major units as decimal text, beside its ``currency``. A JSON float is refused."""

Currency = Annotated[
    str,
    BeforeValidator(_currency),
    WithJsonSchema({"type": "string", "pattern": "^[A-Z]{3}$"}),
    Allowed('an ISO 4217 code in use, such as "CNY", "USD" or "EUR"', "currency"),
    Field(examples=["CNY"]),
]
Date = Annotated[
    str,
    BeforeValidator(_date),
    WithJsonSchema({"type": "string", "format": "date"}),
    Allowed('a date from 1900 to 2299, such as "2026-11-30"', "date"),
    Field(examples=["2026-11-30"]),
]
TimeZone = Annotated[
    str,
    BeforeValidator(_time_zone),
    WithJsonSchema({"type": "string"}),
    Allowed('a name of the IANA time zone database, such as "Asia/Shanghai"', "time zone"),
    Field(examples=["Asia/Shanghai"]),
]
Probability = Annotated[
    str,
    BeforeValidator(_between("0", "1", 6, floats=True)),
    WithJsonSchema(
        {"type": ["string", "number"], "pattern": r"^0*(0(\.[0-9]+)?|1(\.0+)?)$", "minimum": 0, "maximum": 1}
    ),
    Allowed("a number or decimal string from 0 to 1 with at most 6 decimals", "probability"),
    Field(examples=["0.3"]),
]
Score = Annotated[
    str,
    BeforeValidator(_between("0", "1000000", 3, floats=True)),
    WithJsonSchema({"type": ["string", "number"], "pattern": r"^[0-9]+(\.[0-9]+)?$", "minimum": 0, "maximum": 1000000}),
    Allowed("a number or decimal string from 0 to 1000000 with at most 3 decimals", "score"),
    Field(examples=["5"]),
]
ScaleMax = Annotated[
    str,
    BeforeValidator(_between("0.001", "1000000", 3, floats=True)),
    WithJsonSchema({"type": ["string", "number"], "pattern": r"^[0-9]+(\.[0-9]+)?$", "maximum": 1000000}),
    Allowed("a number or decimal string above 0, at most 1000000, with at most 3 decimals", "scale"),
    Field(examples=["5"]),
]
Rate = Annotated[
    str,
    BeforeValidator(_between("0.000000000001", "1000000000000", 12, floats=False)),
    WithJsonSchema({"type": ["string", "integer"], "pattern": r"^[0-9]{1,24}(\.[0-9]{1,12})?$"}),
    Allowed('a decimal string above 0 with at most 12 decimals, such as "7.1234"', "rate"),
    Field(examples=["7.1234"]),
]
Quantity = Annotated[
    str,
    BeforeValidator(_decimal),
    WithJsonSchema({"type": ["string", "integer"], "pattern": r"^-?[0-9]{1,24}(\.[0-9]{1,12})?$"}),
    Allowed('a decimal string such as "5000000" or an integer', "quantity"),
    Field(examples=["5000000"]),
]
Period = Annotated[
    str,
    Field(
        pattern=r"^((19|2[0-2])[0-9]{2}(-Q[1-4]|-(0[1-9]|1[0-2]))?|FY(19|2[0-2])[0-9]{2}(-Q[1-4])?)$",
        examples=["2026-Q4"],
    ),
    Allowed("a year, quarter or month, such as 2026, 2026-Q4, 2026-11, FY2026 or FY2026-Q4", "period"),
]

RepId = Annotated[Name, Field(examples=["rep-7"])]
LeadId = Annotated[Name, Field(examples=["L-1"])]
DealId = Annotated[Name, Field(examples=["D-1"])]
OrderId = Annotated[Name, Field(examples=["O-1"])]
CustomerId = Annotated[Name, Field(examples=["C-1"])]
Stage = Annotated[Name, Field(examples=["proposal"])]
Reason = Annotated[Name, Field(examples=["price"])]


def beyond(field: str, score: str | None, top: str | None) -> tuple[str, str] | None:
    """The misfit of a score above its scale; None where it fits or there is no scale."""
    if score is None or top is None or Decimal(score) <= Decimal(top):
        return None
    return field, f"is above the scale; allowed: 0 to {top}"


def minor_text(amount: str, currency: str) -> str:
    """The amount with exactly its currency's decimals: ``("12.5", "CNY")`` is ``"12.50"``.

    Raises ValueError, in a sentence, where the amount does not fit the minor unit or is too large.
    """
    decimals = EXPONENTS[currency]
    whole, _, part = amount.partition(".")
    part = part.rstrip("0")
    if len(part) > decimals:
        raise ValueError(f"has more decimals than {currency} has; allowed: at most {decimals}")
    text = f"{whole}.{part.ljust(decimals, '0')}" if decimals else whole
    if len(text) > 15 and abs(minor(text)) > MAX_MINOR:
        raise ValueError(f"is too large; allowed: at most {major(MAX_MINOR, currency)} {currency}")
    return text


def minor(amount: str) -> int:
    """Minor units of an amount written with all its decimals: ``"12.50"`` is 1250."""
    return int(amount.replace(".", ""))


def major(amount_minor: int, currency: str) -> str:
    """Minor units as a decimal string: ``(1250, "CNY")`` is ``"12.50"``."""
    decimals = EXPONENTS[currency]
    if not decimals:
        return str(amount_minor)
    sign = "-" if amount_minor < 0 else ""
    whole, part = divmod(abs(amount_minor), 10**decimals)
    return f"{sign}{whole}.{part:0{decimals}d}"
