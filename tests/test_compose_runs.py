"""The services of docker-compose.yml as processes of this machine: the same commands, settings and health checks.

No container engine is needed: Kafka is the tests' broker, ClickHouse the tests' server, and every folder and port is a
free one. What is told over HTTP is read over HTTP as a KPI.
"""

import json
import os
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.error import URLError

import pytest

from tests.clickhouse.running import RunningServer
from tests.kafka.broker import Kafka
from tests.services.worker.harness import free_port, wait
from tests.test_compose import SERVICES

EXECUTABLE: Final = Path(sys.executable).with_name("salestream")
EVENT: Final = {
    "specversion": "1.0",
    "id": "won-1",
    "source": "/compose",
    "type": "deal.won",
    "time": "2026-01-05T09:00:00Z",
    "data": {"deal_id": "D-1", "amount": "1200.50", "currency": "CNY"},
}


class Composed:
    """The services, each started by its name."""

    def __init__(self, folder: Path, kafka: Kafka, store: str) -> None:
        self._folder = folder
        self.ports: Final = {port: str(free_port()) for port in ("8080", "8090", "9464")}
        self._running: set[str] = set()
        mark = uuid.uuid4().hex[:8]
        self._ours: Final = {
            SERVICES["worker"]["environment"]["SALESTREAM_JOURNAL"]: kafka.url,
            SERVICES["worker"]["environment"]["SALESTREAM_SUBJECT_KEYS"]: f"http://127.0.0.1:{self.ports['8090']}",
            SERVICES["worker"]["environment"]["SALESTREAM_STORE"]: store.replace("/salestream", f"/c_{mark}"),
        }
        self._more: Final = {
            "SALESTREAM_KAFKA_PREFIX": f"c-{mark}",
            "SALESTREAM_KAFKA_PARTITIONS": "3",
        }
        self.started = ExitStack()

    def path(self, service: str) -> Path:
        """The folder that a service has at /data: one of its own, or a volume that others have too."""
        volume = next(each for each in SERVICES[service]["volumes"] if each.endswith("/data"))
        return self._folder / (volume.partition(":")[0] if ":" in volume else service)

    def start(self, service: str) -> subprocess.Popen[str]:
        """Its process, once what it waits for is so."""
        for other, how in SERVICES[service].get("depends_on", {}).items():
            if how["condition"] == "service_completed_successfully":
                self.ended(other)
            elif "build" in SERVICES[other] and other not in self._running:
                self._running.add(other)
                self.start(other)
                wait(partial(self.healthy, other), f"{other} to be healthy", 60)
        words = [self._here(service, word) for word in SERVICES[service]["command"]]
        told = {name: self._here(service, value) for name, value in SERVICES[service]["environment"].items()}
        unset = {name: value.partition(":-")[2].rstrip("}") for name, value in told.items() if value.startswith("${")}
        env = os.environ | told | unset | self._more | {"SALESTREAM_DATA": str(self.path(service))}
        process = subprocess.Popen([EXECUTABLE, *words], env=env, cwd=self._folder, stdout=subprocess.PIPE, text=True)
        self.started.callback(_end, process)
        return process

    def ended(self, service: str) -> None:
        """Run a service that ends, as often as it is asked for."""
        process = self.start(service)
        out, _ = process.communicate(timeout=60)
        assert process.returncode == 0, out

    def healthy(self, service: str) -> bool:
        """What its health check says."""
        kind, program, *words = SERVICES[service]["healthcheck"]["test"]
        assert (kind, program) == ("CMD", "python")
        command = [sys.executable, *(self._here(service, word) for word in words)]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    def _here(self, service: str, word: str) -> str:
        """A word of the file, with the addresses and folders of this machine."""
        if word in self._ours:
            return self._ours[word]
        for port, free in self.ports.items():
            word = word.replace(f":{port}", f":{free}") if ":" in word else free if word == port else word
        word = word.replace("sqlite:///keys/", f"sqlite://{self._folder}/keys/")
        word = f"{self._folder}{word}" if word.startswith("/token/") else word
        return word.replace("/data/", f"{self.path(service)}/") if word.startswith("/data/") else word


@pytest.fixture
def composed(kafka: Kafka, tmp_path: Path) -> Iterator[Composed]:
    """Everything that the services need."""
    with RunningServer(tmp_path / "clickhouse") as server:
        made = Composed(tmp_path, kafka, server.url)
        with made.started:
            yield made


def _end(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        process.terminate()
    try:
        process.communicate(timeout=30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()


@pytest.mark.e2e
def test_what_is_told_over_http_is_read_over_http(composed: Composed) -> None:
    worker, gateway = composed.start("worker"), composed.start("gateway")
    wait(lambda: composed.healthy("worker") and composed.healthy("gateway"), "the services to be healthy", 90)
    key = (composed.path("gateway") / "key").read_text("utf-8").strip()
    ask = asking(f"http://127.0.0.1:{composed.ports['8080']}", key)

    accepted = ask("/events", EVENT)
    assert accepted["results"][0]["status"] == "accepted"

    def bookings() -> Any:
        return ask("/api/kpis/bookings?from=2026-01&to=2026-02&grain=month")

    deadline = time.monotonic() + 60
    while "1200.5" not in json.dumps(answer := bookings()) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert "1200.5" in json.dumps(answer)
    assert ask("/api/boards")
    composed.ended("key")  # once more, as with every `docker compose up`: the key stays
    assert (composed.path("gateway") / "key").read_text("utf-8").strip() == key
    assert worker.poll() is None
    assert gateway.poll() is None


def test_nobody_is_let_in_without_a_key(composed: Composed) -> None:
    composed.start("gateway")
    wait(lambda: composed.healthy("gateway"), "the gateway to be healthy", 60)
    with pytest.raises(URLError, match="401"):
        asking(f"http://127.0.0.1:{composed.ports['8080']}", "nobody's")("/api/kpis/bookings")


def asking(url: str, key: str) -> Callable[..., Any]:
    """Asks a path, or tells it an event; the JSON that is answered."""

    def ask(path: str, event: dict[str, Any] | None = None) -> Any:
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/cloudevents+json"}
        body = None if event is None else json.dumps(event).encode()
        with urllib.request.urlopen(urllib.request.Request(url + path, body, headers), timeout=30) as answer:
            return json.load(answer)

    return ask
