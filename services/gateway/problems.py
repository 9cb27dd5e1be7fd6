"""What went wrong, for programs: problem details (RFC 9457). One sentence says what is wrong and what is allowed."""

from http import HTTPStatus
from typing import Any, Final

import msgspec
from starlette.responses import Response

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

    def response(self) -> Response:
        """The problem as it is sent."""
        told = {
            "type": f"urn:salestream:problem:{self.kind}",
            "title": self.kind.replace("-", " ").capitalize(),
            "status": self.status,
            "detail": self.detail,
            **self.members,
        }
        return Response(_encode(told), self.status, headers=self.headers, media_type=MEDIA)


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
