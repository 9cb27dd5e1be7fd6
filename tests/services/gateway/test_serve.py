"""``salestream serve`` as a whole process: it takes, posts, and ends in order."""

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.services.cli.conftest import Ran, process
from tests.services.gateway.conftest import STRUCTURED, event

pytestmark = pytest.mark.e2e


@dataclass
class Served:
    """A process that listens."""

    running: "subprocess.Popen[str]"
    told: dict[str, Any]
    http: httpx.Client

    def end(self, number: int = signal.SIGTERM) -> Ran:
        """What came of it, once it was told to end."""
        self.running.send_signal(number)
        out, err = self.running.communicate(timeout=60)
        return Ran(self.running.returncode, out, err)


@contextmanager
def served(folder: Path, *args: str, **env: str) -> Iterator[Served]:
    """``salestream serve`` on a free port."""
    running = process("--data", folder, "--json", "serve", "--port", 0, *args, env=os.environ | env)
    assert running.stdout is not None
    told = ""
    try:
        while not told.endswith("}\n"):
            line = running.stdout.readline()
            assert line, running.communicate()
            told += line
        said = json.loads(told)
        with httpx.Client(base_url=said["address"], timeout=30, trust_env=False) as http:
            yield Served(running, said, http)
    finally:
        if running.poll() is None:
            running.kill()
        running.communicate()


def shell(*args: object) -> Ran:
    """One run in a process of its own."""
    running = process(*args)
    out, err = running.communicate(timeout=120)
    return Ran(running.returncode, out, err)


def until(holds: Callable[[], bool], seconds: float = 20) -> float:
    """Wait until something holds; how many seconds that took."""
    start = time.monotonic()
    while not holds():
        assert time.monotonic() < start + seconds
        time.sleep(0.01)
    return time.monotonic() - start


def test_what_is_told_is_posted_soon_and_an_end_is_in_order(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    key = json.loads(shell("--data", folder, "--json", "keys", "create").out)["key"]
    with served(folder) as house:
        headers = STRUCTURED | {"authorization": f"Bearer {key}"}
        assert house.told["key"] is True
        assert house.http.post("/events", json=event("0"), headers=STRUCTURED).status_code == 401
        for number in range(1, 4):
            assert house.http.post("/events", json=event(str(number)), headers=headers).status_code == 202
            until(lambda: house.http.get("/readyz").json()["ledger"] == {"state": "following", "behind": 0})
        other = shell("--data", folder, "kpi", "bookings")
        address = house.told["address"]
        assert other.code == 1
        assert other.err == (
            f"salestream: the data folder {folder} is served at {address}; ask there, or stop that process\n"
        )
        house.http.post("/events", json=event("4", deal_id="D-2", amount="1.00"), headers=headers)
        ended = house.end()

    assert (ended.code, ended.out) == (0, "")
    assert "Traceback" not in ended.err
    assert json.loads(shell("--data", folder, "status", "--json").out)["tenants"][0]["ledger"]["position"] == 4


def test_a_request_that_has_begun_is_answered_before_the_end(tmp_path: Path) -> None:
    with served(tmp_path / "data", SALESTREAM_OPEN_ON_LOOPBACK="1") as house:
        body = json.dumps(event()).encode()
        head = f"POST /events HTTP/1.1\r\nHost: localhost\r\nContent-Type: {STRUCTURED['content-type']}\r\n"
        port = int(house.told["address"].rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), timeout=30) as there:
            there.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body[:10])
            time.sleep(0.3)
            house.running.send_signal(signal.SIGINT)
            time.sleep(0.5)
            there.sendall(body[10:])
            answer = there.recv(65536)
        assert answer.startswith(b"HTTP/1.1 202")
        out, err = house.running.communicate(timeout=60)
        assert (house.running.returncode, out, err) == (0, "", "")


def test_a_port_that_is_taken_is_a_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ran = shell("--data", tmp_path / "data", "serve", "--port", port)

    assert ran.code == 1
    assert ran.sentence == (
        f"cannot listen on 127.0.0.1 port {port}: address already in use; choose another with --host and --port"
    )


def test_beyond_this_machine_it_does_not_listen_while_nobody_has_a_key(tmp_path: Path) -> None:
    ran = shell("--data", tmp_path / "data", "serve", "--host", "0.0.0.0", "--port", 0)

    assert ran.code == 2
    assert "make one with `salestream keys create`" in ran.sentence


def test_a_host_that_there_is_not_is_a_sentence(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    shell("--data", folder, "keys", "create")
    ran = shell("--data", folder, "serve", "--host", "192.0.2.1", "--port", 0)

    assert ran.code == 1
    assert ran.sentence.startswith("cannot listen on 192.0.2.1 port 0: ")


def test_after_a_crash_everything_that_was_answered_is_there(tmp_path: Path) -> None:
    folder, answered = tmp_path / "data", set[str]()

    def tell(http: httpx.Client, number: int) -> None:
        with suppress(httpx.TransportError):
            if http.post("/events", json=event(f"e-{number}"), headers=STRUCTURED).status_code == 202:
                answered.add(f"e-{number}")

    with served(folder, SALESTREAM_OPEN_ON_LOOPBACK="1") as house, ThreadPoolExecutor(8) as threads:
        told = [threads.submit(tell, house.http, number) for number in range(3_000)]
        until(lambda: len(answered) > 200)
        house.running.kill()
        for each in told:
            each.result()
    kept = [json.loads(line)["id"] for line in shell("--data", folder, "replay").out.splitlines()]

    assert 200 < len(answered) < 3_000, "it was killed in the middle"
    assert answered <= set(kept)
    assert len(kept) == len(set(kept))
    assert json.loads(shell("--data", folder, "verify", "--json").out)["ok"]
