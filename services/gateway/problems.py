"""What went wrong, for programs: problem details (RFC 9457). One sentence says what is wrong and what is allowed."""

from http import HTTPStatus
from typing import Any, Final

import msgspec
from starlette.responses import Response

from services.sentences import sentence

MEDIA: Final = "application/problem+json"
_encode: Final = msgspec.json.Encoder().encode


class Problem(Exception):
    """A request that is answered with problem details.

    ``kind`` is the end of its type, ``urn:salestream:problem:…``; ``members`` are what it has beside the standard ones.
    """

    def __init__(
        self, status: int, kind: str, detail: str, *, headers: dict[str, str] | None = None, **members: Any
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.detail = detail
        self.headers = headers or {}
        self.members = {name: value for name, value in members.items() if value is not None}

    def response(self, language: str = "en") -> Response:
        """The problem as it is sent, in the language of who asked; its type and its other members have none."""
        words = {"title": self.kind.replace("-", " ").capitalize(), "detail": self.detail}
        if "allowed" in self.members:
            words["allowed"] = str(self.members["allowed"])
        if language == "zh":
            words = {name: sentence(text) for name, text in words.items()}
        told = {"type": f"urn:salestream:problem:{self.kind}", "title": "", "status": self.status, "detail": ""}
        headers = {"Content-Language": language, "Vary": "Accept-Language", **self.headers}
        return Response(_encode(told | self.members | words), self.status, headers=headers, media_type=MEDIA)


def of_status(status: int, headers: dict[str, str] | None = None) -> Problem:
    """The problem of a status that the framework has chosen, such as 404."""
    allowed = (headers or {}).get("allow", "")
    sentences = {
        404: "there is nothing here; GET /openapi.json lists what there is",
        405: f"this method is not for this path; allowed: {allowed}",
    }
    phrase = HTTPStatus(status).phrase
    return Problem(status, phrase.lower().replace(" ", "-"), sentences.get(status, phrase.lower()), headers=headers)


def internal() -> Problem:
    """A mistake of ours. What it was is in the log and is nobody else's affair."""
    sentence = "something went wrong here, and is in our log; try again later"
    return Problem(500, "internal-error", sentence, headers={"Connection": "close"})


def unavailable(detail: str) -> Problem:
    """What cannot be done now and may be asked again."""
    return Problem(503, "unavailable", detail, headers={"Retry-After": "5"})
