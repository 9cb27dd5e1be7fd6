"""Days on end: thousands of frames leave nothing behind in the page, whatever they show."""

import os
from typing import Any, Final

from playwright.sync_api import Browser, CDPSession, Page

from tests.services.wallboard.conftest import opened

FRAMES: Final = int(os.environ.get("SALESTREAM_SOAK_FRAMES", "400"))
"""A TV that hangs for a day sees some 100,000 at most; set it to as many to soak for longer."""
SHOW: Final = """async ([first, count]) => {
    const [{draw}, {state}, {moments}] = await Promise.all(
        ["tiles", "state", "moments"].map((name) => import(`/${name}.js`)));
    for (let number = first; number < first + count; number++) {
        const before = state.frame;
        const frame = structuredClone({...before, tiles: before.tiles});
        frame.cut.position = before.cut.position + 1;
        for (const tile of frame.tiles) {
            if ('value' in tile) tile.value = String(1000 + number % 977);
            for (const row of tile.rows ?? []) if (tile.kind !== 'table') row.value = String(number % 313);
            if (tile.kind === 'wins') tile.wins = [{deal: `D-${number}`, position: frame.cut.position, large: true,
                amount: '10', currency: 'CNY', rep: `Rep ${number % 50}`}, ...tile.wins].slice(0, 7);
        }
        state.frame = frame;
        draw(frame.tiles, null);
        moments(before, frame);
        if (number % 5 === 0) await new Promise((turn) => setTimeout(turn));
    }
}"""


def test_memory_stays_flat(browser: Browser, address: str) -> None:
    with opened(browser, f"{address}/?board=sales") as page:
        page.locator("article .value").first.wait_for()
        devtools = watched(page)
        page.evaluate(SHOW, [0, FRAMES // 3])
        before = held(devtools)
        page.evaluate(SHOW, [FRAMES // 3, FRAMES])
        after = held(devtools)
        assert after["JSHeapUsedSize"] - before["JSHeapUsedSize"] < 3_000_000, (before, after)
        assert after["Nodes"] - before["Nodes"] < 500, (before, after)


def watched(page: Page) -> CDPSession:
    """A look into a page whose stream is stopped, for its frames are made up."""
    page.evaluate("fetch('/').then(() => import('/stream.js')).then((stream) => stream.stop())")
    devtools = page.context.new_cdp_session(page)
    devtools.send("Performance.enable")
    return devtools


def held(devtools: CDPSession) -> dict[str, Any]:
    """What the page holds once everything that can be let go is."""
    devtools.send("HeapProfiler.collectGarbage")
    metrics = devtools.send("Performance.getMetrics")["metrics"]
    return {each["name"]: each["value"] for each in metrics if each["name"] in ("JSHeapUsedSize", "Nodes")}
