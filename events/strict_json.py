"""JSON read strictly: UTF-8, no NaN or Infinity, and each name once in its object.

RFC 8259 leaves open which of two equal names counts. What two readers may read differently is refused, not guessed.
"""

import json
from typing import Any, Final, NoReturn

import msgspec

from events.refusals import named


class NotStrict(Exception):
    """The text is refused; the message is the problem with what is allowed."""


def parse(raw: bytes) -> Any:
    """The JSON value in ``raw``. Raises NotStrict."""
    try:
        value = _decode(raw)
        # Written anew, each name stands once: a colon is missing if one stood twice, unless an escape became one.
        if b"\\u003" not in raw and raw.count(b":") == _encode(value).count(b":"):
            return value
    except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError):
        pass
    return _parse_in_doubt(raw)


def _parse_in_doubt(raw: bytes) -> Any:
    """Slower, for what may be wrong: finds names that stand twice, and says where JSON ends to be JSON."""
    try:
        return _JSON.decode(str(raw, "utf-8"))
    except RecursionError:
        raise NotStrict("is nested too deeply; allowed: one CloudEvent") from None
    except ValueError as error:
        found = "text in UTF-8" if isinstance(error, UnicodeError) else f"JSON ({error})"
        raise NotStrict(f"is not {found}; allowed: one JSON object in UTF-8") from None


def _each_name_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in found if names.count(name) > 1)
        raise NotStrict(f"names {named(twice)} twice in one object; allowed: every name once")
    return found


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


_JSON: Final = json.JSONDecoder(object_pairs_hook=_each_name_once, parse_constant=_no_number)
_decode: Final = msgspec.json.Decoder().decode
_encode: Final = msgspec.json.Encoder().encode
