"""The page's own modules, each function by itself, in the browser that runs them."""

from collections.abc import Iterator
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, Page

from tests.services.wallboard.conftest import opened, served

_CALL: Final = """async ([name, lang, script]) => {
    const [found, {state}] = await Promise.all([import(`/${name}.js`), import("/state.js")]);
    state.lang = lang;
    return await new Function("of", `return (async () => { ${script} })()`)(found);
}"""


@pytest.fixture(scope="module")
def page(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """A page of the server's on which nothing runs."""
    with (
        served(tmp_path_factory.mktemp("script")) as address,
        opened(browser, f"{address}/wall.css", strict=False, bypass_csp=True) as found,
    ):
        yield found


def call(page: Page, module: str, script: str, lang: str = "en") -> Any:
    """What a script returns that is given a module as ``of``."""
    return page.evaluate(_CALL, [module, lang, script])


@pytest.mark.parametrize(
    ("value", "unit", "lang", "text"),
    [
        ("0.00", "money", "en", "0"),
        ("1234567.80", "money", "en", "1.23M"),
        ("1234567.80", "money", "zh", "123万"),
        (12345, "count", "en", "12.3K"),
        (None, "money", "en", "–"),
    ],
)
def test_numbers_are_short_and_in_the_units_of_the_language(
    page: Page, value: Any, unit: str, lang: str, text: str
) -> None:
    assert call(page, "words", f"return of.shown({_js(value)}, '{unit}')", lang) == text


def test_a_stream_is_put_together_from_frames_and_changes(page: Page) -> None:
    """Whatever pieces it comes in, also within an event."""
    script = """
        const events = ['id: 1\\nevent: frame\\ndata: {"cut":{"position":1},"tiles":{"0":{"v":1},"1":{"v":2}}}',
            ': still here', 'id: 2\\nevent: change\\ndata: {"cut":{"position":2},"tiles":{"1":{"v":3}}}'];
        const stream = events.map((each) => each + "\\n\\n").join("");
        const pieces = []; for (let at = 0; at < stream.length; at += 7) pieces.push(stream.slice(at, at + 7));
        const taken = [];
        window.fetch = async () => new Response(new ReadableStream({start(line) {
            for (const piece of pieces) line.enqueue(new TextEncoder().encode(piece));
            line.close();
        }}));
        await new Promise((done) => of.listen("/", (frame, changed) => {
            taken.push(frame && [frame.cut.position, frame.tiles.map((tile) => tile.v), [...changed]]);
            if (!frame) { of.stop(); done(); }
        }));
        return taken;"""
    assert call(page, "stream", script) == [[1, [1, 2], [0, 1, "head"]], [2, [1, 3], [1, "head"]], None]


def test_a_list_keeps_what_stays_and_puts_it_in_order(page: Page) -> None:
    script = """
        const list = document.createElement("ul");
        const write = (line, name) => { line.textContent = name; };
        const bring = (names) => of.keyed(list, names, (name) => name, () => of.make("li"), write);
        bring(["a", "b", "c"]);
        const first = list.children[0];
        bring(["c", "a", "d"]);
        return [[...list.children].map((line) => line.textContent), list.children[1] === first];"""
    assert call(page, "state", script) == [["c", "a", "d"], True]


def test_what_events_tell_is_text(page: Page) -> None:
    script = "return of.make('p', '', '<b>bold</b>').innerHTML"
    assert call(page, "state", script) == "&lt;b&gt;bold&lt;/b&gt;"


def test_names_in_both_languages_are_told_apart(page: Page) -> None:
    assert call(page, "words", "return of.named('方案 Proposal')") == "Proposal"
    assert call(page, "words", "return of.named('方案 Proposal')", "zh") == "方案"
    assert call(page, "words", "return of.named(null)", "zh") == call(page, "words", "return of.t('(none)')", "zh")


def test_every_word_of_the_page_is_known_in_chinese(page: Page) -> None:
    """What a bridge of the pipeline calls its steps, too."""
    parts = ["start", "new", "increased", "reopened", "transferred", "decreased", "won", "lost"]
    told = call(page, "words", f"return {parts}.map(of.t)", "zh")
    assert all(not word.isascii() for word in told)


def _js(value: Any) -> str:
    return "null" if value is None else repr(value)


@pytest.mark.parametrize(
    ("moment", "zone", "found"),
    [
        ("2026-10-05T00:00:00Z", "UTC", ["2026-Q4", "2026-Q3"]),
        ("2026-03-31T16:00:00Z", "Asia/Shanghai", ["2026-Q2", "2026-Q1"]),
        ("2026-01-01T04:00:00Z", "America/New_York", ["2025-Q4", "2025-Q3"]),
        ("2026-01-01T12:00:00Z", "UTC", ["2026-Q1", "2025-Q4"]),
    ],
)
def test_the_quarter_that_runs_and_the_one_that_ended(page: Page, moment: str, zone: str, found: list[str]) -> None:
    assert call(page, "words", f"return of.quarters(Date.parse('{moment}'), '{zone}')") == found
