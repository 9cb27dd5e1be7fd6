"""A browser, and a server with a small company behind it."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from events.envelope import to_moment
from services.clock import now_ms

CHROMIUM = shutil.which("chromium")
COMMAND = Path(sys.executable).with_name("salestream")
NOW = to_moment(now_ms())
HOSTILE = "<img src=x onerror=alert(1)>"


def event(id_: str, type_: str, ago: timedelta = timedelta(), **data: Any) -> dict[str, Any]:
    """An event that occurred so long ago."""
    time = (NOW - ago).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"specversion": "1.0", "id": id_, "source": "/crm", "type": type_, "time": time, "data": data}


LONG_AGO = timedelta(days=2)
STAGES = [
    {"stage": "proposal", "probability": "0.5", "name": "方案 Proposal"},
    {"stage": "contract", "name": "Contract"},
]
BEFORE = [
    event("c", "calendar.defined", LONG_AGO, timezone="UTC", currency="CNY"),
    event("p", "pipeline.defined", LONG_AGO, pipeline="default", stages=STAGES),
    event("a", "rep.assigned", LONG_AGO, rep_id="R-1", name="Li Na", team_id="T-1", region="华东"),
    event("t", "target.set", LONG_AGO, kpi="revenue", period=f"{NOW:%Y-%m}", value="2000.00", currency="CNY"),
    event("d", "deal.created", LONG_AGO, deal_id="D-9", stage="proposal", amount="700.00", rep_id="R-1"),
    event("w1", "deal.won", timedelta(), deal_id="D-1", amount="1000.00", customer_id="C-1"),
]


@contextmanager
def served(folder: Path, port: int = 0, **settings: str) -> Iterator[str]:
    """A server over a folder, and its address."""
    server = subprocess.Popen(
        [COMMAND, "--data", folder, "serve", "--port", str(port)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "SALESTREAM_OPEN_ON_LOOPBACK": "1", **settings},
    )  # fmt: skip
    assert server.stdout is not None
    assert server.stderr is not None
    try:
        found = re.search(r"http://\S+?:\d+", server.stdout.readline())
        assert found is not None
        yield found[0]
    finally:
        server.send_signal(signal.SIGTERM)
        code = server.wait(25)
        log = server.stderr.read()
        server.stdout.close()
        server.stderr.close()
    assert code == 0, log
    assert "Traceback" not in log, log
    assert "ss_" not in log, "no key is in the log"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium. It keeps an event loop in this thread, so it is gone before another module may want one."""
    if CHROMIUM is None:
        if os.environ.get("CI"):
            pytest.fail("chromium is not installed; install Debian's chromium")
        pytest.skip("chromium is not installed; install Debian's chromium")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        yield started
        started.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder with a few events, of which the last was recorded just now."""
    lines = "".join(json.dumps({**each, "recordedtime": each["time"]}) + "\n" for each in BEFORE)
    told = subprocess.run([COMMAND, "--data", tmp_path, "ingest", "-"], input=lines.encode(), capture_output=True)
    assert told.returncode == 0, told.stderr
    return tmp_path


@pytest.fixture
def address(folder: Path) -> Iterator[str]:
    """A server with these events."""
    with served(folder) as found:
        yield found


@contextmanager
def opened(browser: Browser, url: str, *, strict: bool = True, **context: Any) -> Iterator[Page]:
    """A page on which nothing went wrong until the end: no error, no refused script or style, no request elsewhere."""
    size = {"width": 1280, "height": 800}
    made = browser.new_context(**{"locale": "en-GB", "viewport": size, **context})
    page = made.new_page()
    wrong: list[str] = []
    base = re.match(r"http://[^/]+", url)
    assert base is not None
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    page.on("request", lambda request: wrong.append(request.url) if not request.url.startswith(base[0]) else None)
    page.goto(url)
    yield page
    made.close()
    assert not strict or wrong == []


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """The sales board."""
    with opened(browser, address) as found:
        yield found


def tell(address: str, *events: dict[str, Any]) -> None:
    """Tell events over HTTP."""
    headers = {"content-type": "application/cloudevents-batch+json"}
    answer = httpx.post(f"{address}/events", content=json.dumps(events), headers=headers)
    assert answer.json()["refused"] == 0, answer.text
