"""The wallboard in a real browser, over a real server: what is told appears, the past shows, numbers explain."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from events.envelope import to_moment
from services.clock import now_ms

CHROMIUM = shutil.which("chromium")
COMMAND = Path(sys.executable).with_name("salestream")
NOW = to_moment(now_ms())
HOSTILE = "<img src=x onerror=alert(1)>"


def event(id_: str, type_: str, ago: timedelta = timedelta(), **data: Any) -> dict[str, Any]:
    time = (NOW - ago).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"specversion": "1.0", "id": id_, "source": "/crm", "type": type_, "time": time, "data": data}


LONG_AGO = timedelta(days=2)
BEFORE = [
    {**event("c", "calendar.defined", LONG_AGO, timezone="UTC", currency="CNY")},
    {**event("w1", "deal.won", timedelta(minutes=1), deal_id="D-1", amount="1000.00", customer_id="C-1")},
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
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
def address(tmp_path: Path) -> Iterator[str]:
    """A server with two events, of which the second was recorded just now."""
    lines = "".join(json.dumps({**each, "recordedtime": each["time"]}) + "\n" for each in BEFORE)
    told = subprocess.run([COMMAND, "--data", tmp_path, "ingest", "-"], input=lines.encode(), capture_output=True)
    assert told.returncode == 0, told.stderr
    server = subprocess.Popen(
        [COMMAND, "--data", tmp_path, "serve", "--port", "0"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        env={**os.environ, "SALESTREAM_OPEN_ON_LOOPBACK": "1"},
    )  # fmt: skip
    assert server.stdout is not None
    found = re.search(r"http://\S+?:\d+", server.stdout.readline())
    assert found is not None
    yield found[0]
    server.send_signal(signal.SIGTERM)
    assert server.wait(30) == 0
    server.stdout.close()


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """The sales board, on which nothing went wrong until the end."""
    context = browser.new_context(locale="en-GB", viewport={"width": 1280, "height": 800})
    opened = context.new_page()
    wrong: list[str] = []
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    opened.on("request", lambda request: wrong.append(request.url) if not request.url.startswith(address) else None)
    opened.goto(address)
    yield opened
    context.close()
    assert wrong == []


def tell(address: str, *events: dict[str, Any]) -> None:
    headers = {"content-type": "application/cloudevents-batch+json"}
    answer = httpx.post(f"{address}/events", content=json.dumps(events), headers=headers)
    assert answer.json()["refused"] == 0, answer.text


def test_what_is_told_appears(page: Page, address: str) -> None:
    revenue = page.locator("article").first.locator(".value")
    expect(revenue).to_have_text("1K")
    tell(address, event("w2", "deal.won", deal_id="D-2", amount="500.00", rep_id=HOSTILE))
    expect(revenue).to_have_text("1.5K", timeout=15_000)
    expect(page.locator("tr.flash")).to_contain_text("D-2")
    expect(page.get_by_text(HOSTILE).first).to_be_visible()


def test_a_number_opens_its_receipt(page: Page) -> None:
    page.locator("article .value").first.click()
    receipt = page.locator("#receipt")
    expect(receipt).to_contain_text("Counted (1)")
    expect(receipt).to_contain_text("/crm w1")
    expect(receipt).to_contain_text("1,000.00")
    expect(receipt).to_contain_text("new facts", timeout=15_000)


def test_the_slider_shows_the_past(page: Page, address: str) -> None:
    revenue = page.locator("article").nth(2).locator(".value")
    expect(revenue).to_have_text("1K")
    page.locator("#then").fill("500")
    expect(page.locator("#badge")).to_contain_text("as it was known", timeout=15_000)
    expect(revenue).to_have_text("0")
    page.locator("#live").click()
    expect(revenue).to_have_text("1K", timeout=15_000)


def test_both_languages(page: Page) -> None:
    expect(page.locator("article h2").first).to_have_text("revenue · day")
    page.locator("#lang").click()
    expect(page.locator("article h2").first).to_have_text("销售额 · 今日")
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
