"""A real server on a real port, over a journal of its own, and people who have keys for it."""

import asyncio
import json
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from threading import Event, Thread
from typing import Any

import httpx
import pytest

from services.clock import now_ms
from services.gateway.server import Server, bound
from services.gateway.wiring import alone
from services.journal.port import Letter
from services.journal.sqlite import SqliteJournal
from services.keys.port import SCOPES, Scope
from services.keys.sqlite import SqliteKeys
from services.keys.tokens import create
from services.settings import Settings
from tests.services.journal.telling import everything

STRUCTURED = {"content-type": "application/cloudevents+json"}
BATCH = {"content-type": "application/cloudevents-batch+json"}
TENANTS = count()


@dataclass
class Teller:
    """Somebody with a key, whose tenant has nothing in its journal yet."""

    house: "House"
    tenant: str
    token: str
    http: httpx.Client

    def tell(self, told: Any, headers: dict[str, str] = STRUCTURED) -> httpx.Response:
        """One request."""
        content = told if isinstance(told, bytes) else json.dumps(told).encode()
        return self.http.post("/events", content=content, headers=headers)

    def batch(self, *told: Any) -> httpx.Response:
        """One request with many events."""
        return self.tell(list(told), BATCH)

    def ids(self) -> list[str]:
        """What the journal has, in order."""
        return [entry.id for entry in everything(self.house.journal, self.tenant)]

    def letters(self) -> list[Letter]:
        """What was refused."""
        return self.house.journal.letters(self.tenant)


@dataclass
class House:
    """A gateway that is being served."""

    port: int
    journal: SqliteJournal
    keys: SqliteKeys

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    def key(self, *scopes: Scope, tenant: str | None = None, **more: Any) -> tuple[str, str]:
        """A tenant, a new one unless it is named, and a key for it."""
        tenant = tenant or f"tenant-{next(TENANTS)}"
        told: dict[str, Any] = {"tenant": tenant, "name": "", "scopes": scopes or SCOPES, "now_ms": now_ms()} | more
        return tenant, create(self.keys, **told)[1]

    @contextmanager
    def teller(self, *scopes: Scope, tenant: str | None = None) -> Iterator[Teller]:
        """Somebody new."""
        tenant, token = self.key(*scopes, tenant=tenant)
        headers = {"authorization": f"Bearer {token}"}
        with httpx.Client(base_url=self.url, headers=headers, timeout=30, trust_env=False) as http:
            yield Teller(self, tenant, token, http)

    def raw(self, sent: bytes, wait_s: float = 10) -> bytes:
        """What comes back for bytes as they are, until the connection is closed or nothing more comes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=wait_s) as there:
            there.sendall(sent)
            return b"".join(iter(lambda: there.recv(65536), b""))


@contextmanager
def serving(folder: Path, **more: Any) -> Iterator[House]:
    """A gateway in this process, on a thread of its own."""
    settings = Settings(data=folder, **more)
    folder.mkdir(exist_ok=True)
    with (
        SqliteKeys(settings.keys_path) as keys,
        SqliteJournal(settings.journal_path, patience_s=0.3) as journal,
        alone(settings, journal, keys, "127.0.0.1") as app,
        closing(bound("127.0.0.1", 0)) as at,
    ):
        started = Event()
        server = Server(app, None, started.set)
        thread = Thread(target=asyncio.run, args=[server._serve([at])])
        thread.start()
        assert started.wait(20)
        try:
            yield House(at.getsockname()[1], journal, keys)
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """The gateway of a module."""
    with serving(tmp_path_factory.mktemp("gateway")) as house:
        yield house


@pytest.fixture
def teller(house: House) -> Iterator[Teller]:
    """Somebody who may do everything for a new tenant."""
    with house.teller() as teller:
        yield teller


def event(id_: str = "e-1", **more: Any) -> dict[str, Any]:
    """A structured CloudEvent: a deal that was won."""
    attributes = {name: more.pop(name) for name in ("tenant", "source", "time", "specversion") if name in more}
    told: dict[str, Any] = {
        "specversion": "1.0",
        "id": id_,
        "source": "/crm",
        "type": "deal.won",
        "time": "2026-09-21T09:00:00Z",
    }
    return told | attributes | {"data": {"deal_id": "D-1", "amount": "11500.00", "currency": "CNY"} | more}
