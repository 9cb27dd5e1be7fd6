"""Payloads: JSON of somebody else, read without losing a digit and without trusting any of it."""

import json
from collections.abc import Mapping
from decimal import Decimal
from hashlib import blake2b
from typing import Any, NoReturn
from zoneinfo import ZoneInfo

from events.envelope import to_moment, to_ms
from services.connectors.port import Unreadable
from services.importer.moments import read_moment

_SECONDS_END = 100_000_000_000
"""Smaller numbers are seconds since 1970 (until the year 5138), larger ones milliseconds (from 1973 on)."""
_LATEST_MS = 253_402_300_799_999


def parse(raw: bytes) -> Any:
    """The JSON value; numbers with decimals are exact. Raises Unreadable."""
    try:
        return json.loads(raw.decode(), parse_float=Decimal, parse_constant=_no_number)
    except RecursionError:
        raise Unreadable("is nested too deeply") from None
    except (ValueError, ArithmeticError):
        raise Unreadable("is not JSON in UTF-8") from None


def _no_number(name: str) -> NoReturn:
    raise ValueError(name)


def find(values: Mapping[str, Any], path: str) -> Any:
    """The value under a name, or under names joined by points; None where there is none."""
    if path in values:
        return values[path]
    first, point, rest = path.partition(".")
    inner = values.get(first) if point else None
    return find(inner, rest) if isinstance(inner, dict) else None


def text(value: Any) -> str:
    """A value as text: empty for nothing, and for what holds more than one value."""
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return str(value) if abs(value) < 10**40 else ""
        case Decimal():
            return format(value, "f") if value.is_finite() and abs(value.adjusted()) < 40 else ""
        case str():
            return value.strip()
    return ""


def moment_ms(value: Any, zone: str = "UTC") -> int | None:
    """Milliseconds since 1970 of what stands for a moment; None of anything else.

    Numbers, also as text, are seconds or milliseconds since 1970. A text without an offset is in ``zone``.
    """
    told = text(value) if not isinstance(value, bool) else ""
    if told.isascii() and told.isdecimal() and len(told) <= 15:
        ms = int(told) if int(told) >= _SECONDS_END else int(told) * 1000
        return ms if ms <= _LATEST_MS else None
    try:
        return to_ms(read_moment(told, (), zone))
    except (ValueError, OverflowError):
        return None


def day(value: Any, zone: str) -> str | None:
    """The day of what stands for a moment, in ``zone``: ``2026-11-30``."""
    ms = moment_ms(value, zone)
    if ms is None:
        return None
    return to_moment(ms).astimezone(ZoneInfo(zone)).date().isoformat()


def fingerprint(*parts: Any) -> str:
    """A short name of these values, in this order."""
    told = json.dumps(parts, default=str, ensure_ascii=True, separators=(",", ":"))
    return blake2b(told.encode(), digest_size=12).hexdigest()
