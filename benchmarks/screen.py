"""The wallboard in a browser: how soon one can use it, and whether it moves smoothly while numbers change."""

import asyncio
import shutil
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from playwright.sync_api import CDPSession, Page, sync_playwright

from benchmarks.telling import tell

RUN: Final = 900
"""Of which the events are, so that they are no other's."""
OPENED: Final = 7
"""How often the page is opened."""
_USABLE: Final = """() => {
    const look = () => {
        if (document.querySelector("article .value")?.textContent) window.usable = performance.now();
        else requestAnimationFrame(look);
    };
    look();
}"""
_WAIT: Final = """() => new Promise((done) => {
    const look = () => (window.usable ? done() : requestAnimationFrame(look));
    look();
})"""
_SMOOTH: Final = """async (milliseconds) => {
    const gaps = [], end = performance.now() + milliseconds;
    for (let last = await new Promise(requestAnimationFrame); last < end; ) {
        const at = await new Promise(requestAnimationFrame);
        gaps.push(at - last);
        last = at;
    }
    return gaps.sort((one, other) => one - other);
}"""


def measured(port: int, seconds: int) -> list[str]:
    """The figures, as Markdown."""
    chromium = shutil.which("chromium")
    if chromium is None:
        return ["Without Chromium nothing is known of the page in a browser.", ""]
    with sync_playwright() as playwright, ThreadPoolExecutor(1) as beside:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        usable = sorted(_usable(browser, port) for _ in range(OPENED))
        page = _opened(browser, port)
        look = page.context.new_cdp_session(page)
        look.send("Performance.enable", {"timeDomain": "threadTicks"})
        before = _worked_s(look)
        told = beside.submit(lambda: asyncio.run(tell(port, RUN, seconds)))
        gaps = page.evaluate(_SMOOTH, seconds * 1000)
        own_ms = (_worked_s(look) - before) * 1000 / len(gaps)
        told.result()
        browser.close()
    smooth = sum(gap < 25 for gap in gaps) / len(gaps)
    return [
        f"In Chromium the first numbers stand {usable[len(usable) // 2]:,.0f} ms after the page is asked for. While "
        f"numbers change it draws {len(gaps) / seconds:.0f} times a second; {smooth:.1%} of the steps take less than "
        f"25 ms, 99 % less than {gaps[len(gaps) * 99 // 100]:.0f} ms. Each takes {own_ms:.1f} ms of a processor "
        "in the page: scripts, style, layout and painting.",
        "",
    ]


def _worked_s(look: CDPSession) -> float:
    """Processor time of the page's main thread, in seconds."""
    told = look.send("Performance.getMetrics")["metrics"]
    return float(next(each["value"] for each in told if each["name"] == "TaskDuration"))


def _opened(browser: Any, port: int) -> Page:
    page: Page = browser.new_page(viewport={"width": 1920, "height": 1080})
    page.add_init_script(f"({_USABLE})()")
    page.goto(f"http://127.0.0.1:{port}/?board=sales")
    page.evaluate(_WAIT)
    return page


def _usable(browser: Any, port: int) -> float:
    """Milliseconds from asking for the page to its first numbers; nothing of it is cached."""
    page = _opened(browser, port)
    found = float(page.evaluate("window.usable"))
    page.close()
    return found
