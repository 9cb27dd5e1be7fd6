"""Subject keys at a service over HTTP: ``salestream keystore serve``, on one machine for several.

Keys that were used are remembered. What is sealed asks each time whether one was destroyed since; what is only read may
be opened for ``FRESH_S`` longer.
"""

import ssl
import time
from collections import OrderedDict
from collections.abc import Collection
from threading import RLock
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
import urllib3

from services.closing import Closing
from services.sealing.asked import MOST, PATH, Answer, Ask, Held, Method
from services.sealing.port import Erased, SealingError, Slot
from services.sealing.sqlite import CACHED

FRESH_S: Final = 1.0
"""How long a key may still be read with after another process has destroyed it."""
PATIENCE_S: Final = 5.0
TRIES: Final = 3
_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")
_ALLOWED: Final = "allowed: https://host[:port], http://127.0.0.1:port, or http://host:port?insecure=1"


def checked_url(url: str) -> str:
    """The address of a service, without options. Raises ValueError where it is none, or is in clear by oversight."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.fragment:
        raise ValueError(f"{url.split('@')[-1]!r} is no address of a key store; {_ALLOWED}")
    if parts.query not in ("", "insecure=1") or parts.path not in ("", "/"):
        raise ValueError(f"{url!r} says more than an address of a key store; {_ALLOWED}")
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK and not parts.query:
        raise ValueError(
            f"{url!r} would send keys of personal data in clear; allowed: https://, or ?insecure=1 after the address "
            "where nobody else is in that network"
        )
    return f"{parts.scheme}://{parts.netloc}"


class RemoteSubjectKeys(Closing):
    """SubjectKeys at the service of an address. Raises SealingError, also where it cannot be reached.

    ``cafile``: the authorities that vouch for it; empty: those of this machine.
    """

    def __init__(self, url: str, token: str, cafile: str = "") -> None:
        try:
            self._url: Final = checked_url(url)
            context = ssl.create_default_context(cafile=cafile or None) if url.startswith("https:") else None
        except ValueError as error:
            raise SealingError(f"the subject keys cannot be opened: {error}") from error
        except OSError as error:
            raise SealingError(f"SALESTREAM_KEYSTORE_CAFILE {cafile} cannot be used: {error}") from error
        self._lock = RLock()
        self._known: OrderedDict[Slot, bytes | None] = OrderedDict()
        self._destroyed, self._asked_s = -1, float("-inf")
        tries = urllib3.Retry(
            total=TRIES - 1,
            backoff_factor=0.2,
            allowed_methods=None,  # each question may be asked twice: what is done stays done
            status_forcelist=(502, 503, 504),
            raise_on_status=False,
            redirect=False,
        )
        self._http = urllib3.PoolManager(
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
            timeout=PATIENCE_S,
            retries=tries,
            ssl_context=context,
        )
        self._ask("tenants", Ask())

    def made(self, slots: Collection[Slot]) -> dict[Slot, bytes | None]:
        with self._lock:
            found = {slot: self._known[slot] for slot in slots if slot in self._known}
            before = self._destroyed
            missing = sorted(set(slots) - found.keys())
            held = self._made(missing)
            if found and self._destroyed != before:
                missing = sorted(set(slots))
                found, held = {}, self._made(missing)
            for slot, each in zip(missing, held, strict=True):
                found[slot] = each.key
            for slot, key in found.items():
                self._keep(slot, key)
            return found

    def _made(self, slots: list[Slot], *, make: bool = True) -> list[Held]:
        return self._ask("made", Ask(slots=slots, make=make)).held

    def key(self, slot: Slot) -> bytes | None:
        return self._look(slot).key

    def is_erased(self, slot: Slot) -> bool:
        return self._look(slot).erased

    def _look(self, slot: Slot) -> Held:
        """What is held of a slot, no older than ``FRESH_S``."""
        with self._lock:
            fresh = time.monotonic() - self._asked_s < FRESH_S
            if not fresh and slot in self._known:
                self._made([])  # forgets what it knows where something was destroyed
            if slot not in self._known:
                (held,) = self._made([slot], make=False)
                if held.key is None and not held.erased:
                    return held
                self._keep(slot, held.key)
            key = self._known[slot]
            return Held(key, key is None)

    def destroy(self, slot: Slot, at_ms: int) -> int:
        return self._ask("destroy", Ask(slots=[slot], at_ms=at_ms)).number

    def erased(self, tenant: str) -> list[Erased]:
        return self._ask("erased", Ask(tenant=tenant)).erased

    def tenants(self) -> list[str]:
        return self._ask("tenants", Ask()).tenants

    def expire(self, tenant: str, prefix: str, before: str) -> int:
        return self._ask("expire", Ask(tenant=tenant, prefix=prefix, before=before)).number

    def _keep(self, slot: Slot, key: bytes | None) -> None:
        self._known[slot] = key
        self._known.move_to_end(slot)
        while len(self._known) > CACHED:
            self._known.popitem(last=False)

    def _ask(self, method: Method, ask: Ask) -> Answer:
        with self._lock:
            now_s = time.monotonic()
            answer = self._answer(method, msgspec.json.encode(ask))
            if answer.destroyed != self._destroyed:
                self._known.clear()
            self._destroyed, self._asked_s = answer.destroyed, now_s
            return answer

    def _answer(self, method: Method, body: bytes) -> Answer:
        try:
            response = self._http.request("POST", f"{self._url}{PATH}{method}", body=body)
            if response.status == 200:
                return msgspec.json.decode(response.data[:MOST], type=Answer)
        except urllib3.exceptions.HTTPError as error:
            raise self._unreachable(error) from error
        except msgspec.MsgspecError as error:
            raise SealingError(f"what answers at {self._url} is no key store; check SALESTREAM_SUBJECT_KEYS") from error
        raise SealingError(f"the key store at {self._url} refuses: {_sentence(response.status, response.data)}")

    def _unreachable(self, error: urllib3.exceptions.HTTPError) -> SealingError:
        cause: Any = getattr(error, "reason", None) or error
        what = str(cause).rpartition("] ")[2].rpartition(": ")[2].lower()[:100]
        return SealingError(
            f"the key store at {self._url} cannot be reached ({what}), so nothing personal can be sealed or read; "
            "start it there with `salestream keystore serve`, or check SALESTREAM_SUBJECT_KEYS"
        )

    def close(self) -> None:
        with self._lock:
            self._known.clear()
            self._http.clear()


def _sentence(status: int, body: bytes) -> str:
    """Of problem details (RFC 9457), if it is told."""
    try:
        detail = msgspec.json.decode(body[:MOST], type=dict[str, Any]).get("detail")
    except msgspec.MsgspecError:
        detail = None
    return f"{str(detail)[:500]}" if detail else f"HTTP {status}"
