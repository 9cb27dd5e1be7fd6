"""Long lists as parameters: the client looks at each character of each text, which takes longer than the question."""

import re
from collections.abc import Sequence
from typing import Any, Final

from clickhouse_connect.driver.binding import format_str

LONG: Final = 20
"""A list of more than so many is written here."""
_SPECIAL: Final = re.compile(r"[\\'`\t\n]")
"""What the client escapes."""


class Texts:
    """Texts, written as the client writes a list of them when it asks for their ``str``."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts: Final = texts

    def __str__(self) -> str:
        if _SPECIAL.search("".join(self._texts)):
            return f"[{', '.join(map(format_str, self._texts))}]"
        return "['" + "', '".join(self._texts) + "']"


class Numbers:
    """Numbers, likewise."""

    def __init__(self, numbers: Sequence[int]) -> None:
        self._numbers: Final = numbers

    def __str__(self) -> str:
        return f"[{', '.join(map(str, self._numbers))}]"


def bound(value: Any) -> Any:
    """A parameter as the client is to have it: a long list of texts or numbers as one that writes itself."""
    if not isinstance(value, list) or len(value) <= LONG:
        return value
    if all(type(each) is str for each in value):
        return Texts(value)
    return Numbers(value) if all(type(each) is int for each in value) else value
