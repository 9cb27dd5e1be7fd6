"""One connection to a gateway: events told in batches, and what became of each."""

import http.client
import ssl
from collections.abc import Sequence
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from events.envelope import to_ms
from services.clock import now_ms

_BATCH: Final = {"Content-Type": "application/cloudevents-batch+json", "Accept": "application/json"}
_FAR_S: Final = 3600
"""A gateway that asks for more patience is asked again after so long."""
_MOST: Final = 16 * 1024 * 1024
"""Bytes of an answer that are read."""


class Outcome(msgspec.Struct, frozen=True):
    """What became of one event."""

    status: str
    reason: str | None = None
    field: str | None = None


class Answer(msgspec.Struct, frozen=True):
    """What became of each event of a batch, in order."""

    results: list[Outcome]


class TryLater(Exception):
    """The gateway could not be reached, or cannot take anything now. ``after_s`` is what it asks to wait, or 0."""

    def __init__(self, problem: str, after_s: float = 0) -> None:
        super().__init__(problem)
        self.after_s = after_s


class NotAllowed(Exception):
    """The gateway lets this client tell nothing: a wrong address, a key that opens nothing. Somebody has to act."""


class WholeRefused(Exception):
    """The batch as a whole is refused; ``problem`` says why. In smaller parts it may be taken."""

    def __init__(self, problem: str, field: str | None) -> None:
        super().__init__(problem)
        self.problem = problem
        self.field = field


class Gateway:
    """Tells batches to the gateway at ``url``. For one thread; the connection is kept while it is of use."""

    def __init__(self, url: str, key: str | None, timeout_s: float, context: ssl.SSLContext | None) -> None:
        """Raises ValueError where the address is none."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.username:
            raise ValueError(f"{url!r} is no address of a gateway; allowed: http://host:port or https://host")
        self._kind: Final = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._tls: Final[dict[str, Any]] = {"context": context} if context and parts.scheme == "https" else {}
        self._host: Final = parts.hostname
        self._port: Final = parts.port
        self._path: Final = parts.path.rstrip("/") + "/events"
        self._headers: Final = _BATCH | ({"Authorization": f"Bearer {key}"} if key else {})
        self._timeout_s: Final = timeout_s
        self._connection: http.client.HTTPConnection | None = None

    def tell(self, bodies: Sequence[bytes]) -> list[Outcome]:
        """Tell events. Raises TryLater, NotAllowed or WholeRefused; then it is not known whether any was taken."""
        status, headers, body = self._posted(b"[" + b",".join(bodies) + b"]")
        if status == 202:
            return _outcomes(body, len(bodies))
        problem, field, is_ours = _problem(status, body)
        if (is_ours and status in (400, 409, 422)) or (status == 413 and (is_ours or len(bodies) > 1)):
            raise WholeRefused(problem, field)
        if status in (408, 425, 429) or status >= 500:
            raise TryLater(problem, _after_s(headers.get("Retry-After")))
        raise NotAllowed(problem)

    def close(self) -> None:
        """Let go of the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _posted(self, body: bytes) -> tuple[int, http.client.HTTPMessage, bytes]:
        """The answer. A kept connection that the other side has closed meanwhile is opened anew, once."""
        kept = self._connection is not None
        try:
            return self._exchange(body)
        except (http.client.RemoteDisconnected, ConnectionError, http.client.CannotSendRequest) as error:
            self.close()
            if not kept:
                raise _unreachable(error) from error
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise _unreachable(error) from error
        try:
            return self._exchange(body)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise _unreachable(error) from error

    def _exchange(self, body: bytes) -> tuple[int, http.client.HTTPMessage, bytes]:
        if self._connection is None:
            self._connection = self._kind(self._host, self._port, timeout=self._timeout_s, **self._tls)
        self._connection.request("POST", self._path, body, self._headers)
        response = self._connection.getresponse()
        told = response.read(_MOST)
        if response.will_close or not response.isclosed():
            self.close()
        return response.status, response.headers, told


def _outcomes(body: bytes, count: int) -> list[Outcome]:
    try:
        results = msgspec.json.decode(body, type=Answer).results
    except msgspec.MsgspecError as error:
        raise TryLater("the answer is none of a gateway of Salestream") from error
    if len(results) != count:
        raise TryLater(f"the answer is about {len(results)} events, and {count} were told")
    return results


def _problem(status: int, body: bytes) -> tuple[str, str | None, bool]:
    """The sentence and the field of problem details (RFC 9457), or the status; and whether it is a gateway's of ours,
    and not that of something in between, which cannot judge events."""
    try:
        told = msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError):
        told = {}
    detail, field = told.get("detail"), told.get("field")
    sentence = f"{detail[:500]} (HTTP {status})" if isinstance(detail, str) else f"HTTP {status}"
    is_ours = str(told.get("type")).startswith("urn:salestream:problem:")
    return sentence, field if isinstance(field, str) else None, is_ours


def _after_s(told: str | None) -> float:
    """Seconds of a Retry-After (RFC 9110), which are a number or a date."""
    if told is None:
        return 0
    if told.strip().isdecimal():
        return min(int(told), _FAR_S)
    try:
        at: datetime = parsedate_to_datetime(told)
    except ValueError:
        return 0
    return min(max((to_ms(at) - now_ms()) / 1000, 0), _FAR_S) if at.tzinfo is not None else 0


def _unreachable(error: Exception) -> TryLater:
    problem = (getattr(error, "strerror", None) or str(error) or type(error).__name__).lower()
    return TryLater(f"the gateway cannot be reached: {problem}")
