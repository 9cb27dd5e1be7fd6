"""What a caller likes best: the headers Accept and Accept-Language (RFC 9110, 12.5)."""

from typing import Final

from starlette.requests import Request

LANGUAGES: Final = ("en", "zh")
"""English is what programs get that say nothing."""


def liked(request: Request, header: str) -> dict[str, float]:
    """Each value that a header names, in lower case, with its quality from 0 to 1; empty where there is no header."""
    found: dict[str, float] = {}
    for each in ",".join(request.headers.getlist(header)).split(","):
        value, _, parameters = each.strip().lower().partition(";")
        if value.strip():
            found[value.strip()] = _quality(parameters)
    return found


def language(request: Request) -> str:
    """The language of what people read: of ``LANGUAGES`` the one that is liked best, of equals the first named."""
    known = [(told.partition("-")[0], quality) for told, quality in liked(request, "accept-language").items()]
    return max((each for each in known if each[0] in LANGUAGES and each[1]), key=_second, default=("en", 1))[0]


def _second(pair: tuple[str, float]) -> float:
    return pair[1]


def _quality(parameters: str) -> float:
    for parameter in parameters.split(";"):
        name, _, value = parameter.strip().partition("=")
        if name == "q":
            try:
                return min(max(float(value), 0), 1)
            except ValueError:
                return 0
    return 1
