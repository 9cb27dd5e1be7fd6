"""Who may: the key that a request brings, and whether it opens the route. What is not allowed is refused."""

import ipaddress
import logging
import re
from collections.abc import Collection
from functools import lru_cache
from typing import Final

import msgspec
from starlette.requests import Request

from services.clock import now_ms
from services.gateway.problems import Problem
from services.keys.port import SCOPES, KeyStore, Scope
from services.keys.tokens import KeyRefused, verify

_LOG: Final = logging.getLogger(__name__)
_PASSED_ON: Final = ("forwarded", "x-forwarded-for", "x-real-ip", "via")
"""Headers of a request that came through a proxy: then that we see it come from this machine says nothing."""

COOKIE: Final = "salestream_wall"
"""Where a browser keeps its key once it has shown it."""
IMPLIED: Final[dict[Scope, tuple[Scope, ...]]] = {"wall": ("wall", "read")}
"""Which scopes open a route beside its own: who may ask may also watch."""
_HOST: Final = re.compile(r"(?P<name>\[[0-9a-f:]+\]|[a-z0-9.]+)(:\d+)?\Z", re.ASCII)


class Caller(msgspec.Struct, frozen=True):
    """Who asks."""

    name: str
    """The prefix of the key; ``local`` where none is needed."""
    tenant: str | None
    """Whose events are told; None: everybody's."""
    personal: bool = False
    """Whether personal fields are shown: to keys with the scope admin."""


class Gate:
    """Lets in who has a key for it. ``open_to`` is the caller that a request from this machine needs no key to be,
    for routes of the scopes ``open_for``. A cookie does for a key where nothing can be changed."""

    def __init__(self, keys: KeyStore, open_to: Caller | None = None, open_for: Collection[Scope] = SCOPES) -> None:
        self._keys = keys
        self._open_to = open_to
        self._open_for = open_for

    def admit(self, request: Request, scope: Scope) -> Caller:
        """Who asks. Raises Problem where they may not."""
        given = request.headers.getlist("authorization")
        if not given and self._open_to is not None and scope in self._open_for and is_local(request):
            return self._open_to
        if not given and request.method == "GET" and COOKIE in request.cookies:
            given = [f"Bearer {request.cookies[COOKIE]}"]
        kind, _, token = given[0].partition(" ") if len(given) == 1 else ("", "", "")
        if kind.lower() != "bearer":
            raise _refused("a key is needed; send one as `Authorization: Bearer ss_…`")
        try:
            key = verify(self._keys, token.strip(), now_ms=now_ms())
        except KeyRefused as error:
            _LOG.warning("refused key %s from %s for %s: %s", error.prefix or "?", _peer(request), scope, error)
            sentence = "this key opens nothing; see `salestream keys list` for those that do"
            raise _refused(sentence, "invalid_token") from error
        if not any(each in key.scopes for each in IMPLIED.get(scope, (scope,))):
            _LOG.warning("refused key %s from %s: it has not the scope %s", key.prefix, _peer(request), scope)
            problem = f"this key may not do that; allowed: a key with the scope {scope}"
            headers = {"WWW-Authenticate": f'Bearer realm="salestream", error="insufficient_scope", scope="{scope}"'}
            raise Problem(403, "forbidden", problem, headers=headers, scope=scope)
        return Caller(key.prefix, key.tenant, "admin" in key.scopes)


def is_local(request: Request) -> bool:
    """Whether a program on this machine asks, and not a proxy on it or a web page that a browser on it shows.

    A page of elsewhere that has its name point to this machine gives itself away by that name in ``Host``.
    """
    if any(name in request.headers for name in _PASSED_ON):
        return False
    host = _HOST.match(request.headers.get("host", ""))
    return host is not None and is_loopback(_peer(request)) and is_loopback(host["name"])


@lru_cache
def is_loopback(host: str) -> bool:
    """Whether a host, as a URL has it, is this machine."""
    try:
        return host == "localhost" or ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _peer(request: Request) -> str:
    return request.client.host if request.client else "?"


def _refused(detail: str, error: str = "") -> Problem:
    asked = 'Bearer realm="salestream"' + (f', error="{error}"' if error else "")
    return Problem(401, "unauthorized", detail, headers={"WWW-Authenticate": asked})
