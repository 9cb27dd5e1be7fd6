"""The soak: ``make soak`` lets a wall hang for half an hour in which it sees what it would in weeks.

One page shows made-up frames as fast as it can. Another follows a server that is told events without end, loses its
network now and then, and has to come back by itself. Ends with 1 where the memory of a page or of the server grows, or
the page stays behind.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Final

from playwright.sync_api import CDPSession, Page, sync_playwright

from tests.services.wallboard.conftest import CHROMIUM, event, opened, served, tell
from tests.services.wallboard.test_soak import SHOW, held, watched

FRAMES: Final = 250
"""Made-up frames of a round."""
GROWS: Final = {"page MiB": 4.0, "live page MiB": 4.0, "nodes": 500.0, "live nodes": 500.0, "server MiB": 120.0}
"""From the second quarter to the last one no more than so much: the books grow, for events come in."""
BEHIND_S: Final = 20
"""How long the live page may take to come back."""


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    minutes = parser.parse_args().minutes
    with tempfile.TemporaryDirectory() as folder, served(Path(folder)) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        tell(address, event("w0", "deal.won", deal_id="D-0", amount="10.00", rep_id="R-0"))
        url = f"{address}/?board=sales"
        with opened(browser, url) as fast, opened(browser, url, strict=False) as live:
            samples = _soaked(address, fast, live, time.monotonic() + minutes * 60)
        browser.close()
    return _judged(samples)


def _soaked(address: str, fast: Page, live: Page, until: float) -> list[dict[str, float]]:
    """What was held after each round."""
    for page in (fast, live):
        page.locator("article .value").first.wait_for()
    looks = watched(fast), live.context.new_cdp_session(live)
    looks[1].send("Performance.enable")
    samples: list[dict[str, float]] = []
    told = 1
    while time.monotonic() < until:
        fast.evaluate(SHOW, [len(samples) * FRAMES, FRAMES])
        lost = len(samples) % 10 == 5
        live.context.set_offline(lost)
        for _ in range(5):
            tell(address, *(_event(number) for number in range(told, told + 20)))
            told += 20
            live.wait_for_timeout(100)
        live.context.set_offline(False)
        if not _caught_up(live, told):
            raise SystemExit(f"after {told} events the page was behind for more than {BEHIND_S} s")
        samples.append(_sample(*looks))
        left = max(until - time.monotonic(), 0) / 60
        sys.stderr.write(f"\r{len(samples) * FRAMES:,} frames, {told:,} events, {left:.1f} min left ")
    sys.stderr.write("\n")
    return samples


def _caught_up(live: Page, told: int) -> bool:
    """Whether the page comes to show the last of them."""
    script = "import('/state.js').then(({state}) => state.frame?.cut.position ?? 0)"
    until = time.monotonic() + BEHIND_S
    while time.monotonic() < until:
        if live.evaluate(script) >= told:
            return True
        live.wait_for_timeout(50)
    return False


def _event(number: int) -> dict[str, object]:
    if number % 10:
        return event(f"t{number}", "touchpoint.logged", rep_id=f"R-{number % 30}", kind="call")
    return event(f"w{number}", "deal.won", deal_id=f"D-{number}", amount="10.00", rep_id=f"R-{number % 30}")


def _sample(fast: CDPSession, live: CDPSession) -> dict[str, float]:
    page, other = held(fast), held(live)
    found = {"page MiB": page["JSHeapUsedSize"] / 2**20, "nodes": page["Nodes"]}
    found |= {"live page MiB": other["JSHeapUsedSize"] / 2**20, "live nodes": other["Nodes"]}
    return found | {"server MiB": _server_mib()}


def _server_mib() -> float:
    """What the server, a child of this process, holds in memory. Linux only."""
    children = Path("/proc/self/task").glob("*/children")
    for child in " ".join(each.read_text() for each in children).split():
        if b"\0serve\0" in Path(f"/proc/{child}/cmdline").read_bytes():
            status = Path(f"/proc/{child}/status").read_text()
            return int(status.partition("VmRSS:")[2].split()[0]) / 1024
    raise SystemExit("the server is gone")


def _judged(samples: list[dict[str, float]]) -> int:
    """Print how it went; 0 where nothing grew."""
    quarter = max(len(samples) // 4, 1)
    parts: tuple[Callable[[list[float]], list[float]], ...] = (
        lambda told: told[quarter : 2 * quarter] or told,
        lambda told: told[-quarter:],
    )
    grown = {}
    for name, most in GROWS.items():
        before, after = (median(part([sample[name] for sample in samples])) for part in parts)
        grown[name] = {"before": round(before, 1), "after": round(after, 1), "flat": after - before <= most}
    sys.stdout.write(
        json.dumps({"rounds": len(samples), "frames": len(samples) * FRAMES, "held": grown}, indent=2) + "\n"
    )
    return 0 if all(each["flat"] for each in grown.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
