"""The wallboard in a real browser, over a real server: what is told appears, the past shows, numbers explain."""

import re
import subprocess
import time
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.services.wallboard.conftest import COMMAND, HOSTILE, event, opened, served, tell

MONTH = "article.number >> nth=0"
KEPT = "document.cookie + JSON.stringify(localStorage) + JSON.stringify(sessionStorage)"
AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text("utf-8")


def value(page: Page) -> str:
    return f"{MONTH} >> .value"


def test_what_is_told_appears_and_is_celebrated_once(page: Page, address: str) -> None:
    expect(page.locator(value(page))).to_have_text("1.00K")
    expect(page.locator(MONTH)).to_contain_text("50 % of target 2.00K")
    won = event("w2", "deal.won", deal_id="D-2", amount="1500.00", rep_id=HOSTILE)
    tell(address, won)
    expect(page.locator(value(page))).to_have_text("2.50K", timeout=15_000)
    expect(page.locator("article.wins li").first).to_contain_text(HOSTILE)
    expect(page.locator("article.leaders")).to_contain_text(HOSTILE)
    banner = page.locator("#moment-banner")
    expect(banner).to_contain_text(HOSTILE)
    expect(banner).to_be_hidden(timeout=10_000)
    taken_back = {**event("v", "event.voided"), "data": {"source": "/crm", "id": "w2", "reason": "a mistake"}}
    tell(address, taken_back, event("w3", "deal.won", deal_id="D-3", amount="200.00"))
    expect(page.locator(value(page))).to_have_text("1.20K", timeout=15_000)
    expect(page.locator("article.wins")).not_to_contain_text("D-2")
    expect(page.locator("article.wins")).to_contain_text("D-3")
    expect(banner).to_be_hidden()


def test_a_number_opens_its_receipt(page: Page) -> None:
    page.locator(value(page)).click()
    receipt = page.locator("#receipt")
    expect(receipt).to_contain_text("Counted (1)", timeout=15_000)
    expect(receipt).to_contain_text("/crm w1")
    expect(receipt).to_contain_text("1,000.00")
    expect(receipt).to_contain_text("a month earlier", timeout=15_000)
    expect(receipt).to_contain_text("at quarter end")
    expect(receipt).to_contain_text("Bookings and orders less refunds")
    expect(receipt).to_contain_text("new facts", timeout=15_000)


def test_a_long_receipt_says_that_there_are_more(page: Page) -> None:
    page.route("**/explain?*", lambda route: route.continue_(url=f"{route.request.url}&page_size=1"))
    page.locator(value(page)).click()
    receipt = page.locator("#receipt")
    expect(receipt).to_contain_text("Counted (1)", timeout=15_000)
    expect(receipt).to_contain_text("salestream explain lists all of it, page by page.")
    expect(receipt).to_contain_text("a month earlier", timeout=15_000)


def test_a_receipt_in_chinese_tells_the_definition_in_chinese(page: Page) -> None:
    page.keyboard.press("l")
    page.locator(value(page)).click()
    expect(page.locator("#definition")).to_contain_text(
        "成交额加订单减退款；履行商机的订单不重复计入。 revenue = ", timeout=15_000
    )
    expect(page.locator("#receipt")).to_contain_text("上季度末", timeout=15_000)


def test_a_bar_opens_its_receipt(page: Page) -> None:
    page.get_by_role("button", name="Proposal").first.click()
    expect(page.locator("#receiptTitle")).to_have_text("Pipeline value · 方案 Proposal: 700.00")
    expect(page.locator("#receipt")).to_contain_text("/crm d", timeout=15_000)


def test_the_slider_shows_the_past(page: Page) -> None:
    expect(page.locator(value(page))).to_have_text("1.00K")
    page.locator("#then").fill("500")
    expect(page.locator("#badge")).to_contain_text("last event")
    expect(page.locator("#badge")).to_contain_text("as it was known", timeout=15_000)
    expect(page.locator(value(page))).to_have_text(re.compile("^(0|–)$"))
    page.locator("#live").click()
    expect(page.locator(value(page))).to_have_text("1.00K", timeout=15_000)
    expect(page.locator("#moment-banner")).to_be_hidden()


def test_languages_boards_and_keys(page: Page) -> None:
    expect(page.locator(MONTH)).to_contain_text("Revenue")
    page.keyboard.press("l")
    expect(page.locator(MONTH)).to_contain_text("销售额")
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
    expect(page.locator("article.bars")).to_contain_text("方案")
    page.keyboard.press("ArrowRight")
    expect(page.locator("article.health")).to_contain_text("报送 = 接受 + 重复 + 拒绝")
    page.locator("#board").select_option("rep")
    expect(page.locator("#of")).to_have_value("R-1")
    expect(page.locator("article.bars")).to_contain_text("方案", timeout=15_000)


def test_it_comes_back_after_the_server_was_away(browser: Browser, folder: Path) -> None:
    with served(folder) as address:
        port = int(address.rpartition(":")[2])
        context = opened(browser, address, strict=False)
        page = context.__enter__()
        expect(page.locator(value(page))).to_have_text("1.00K")
    try:
        expect(page.locator("html")).to_have_attribute("data-stale", "")
        expect(page.locator("#said")).to_contain_text("connection is lost")
        with served(folder, port):
            expect(page.locator("#said")).to_contain_text("live again", timeout=15_000)
            tell(address, event("w5", "deal.won", deal_id="D-5", amount="10.00"))
            expect(page.locator(value(page))).to_have_text("1.01K", timeout=15_000)
            page.close()
    finally:
        context.__exit__(None, None, None)


def test_a_kiosk_link_shows_boards_only_until_its_key_is_revoked(browser: Browser, folder: Path) -> None:
    command = [str(COMMAND), "--data", str(folder), "keys"]
    told = subprocess.run([*command, "create", "--name", "wall", "--scope", "wall"], capture_output=True, text=True)
    key = re.search(r"ss_(\w{12})_\S+", told.stdout)
    assert key is not None, told.stderr
    with served(folder, SALESTREAM_OPEN_ON_LOOPBACK="0") as address:
        assert httpx.get(f"{address}/api/boards").status_code == 401
        context = browser.new_context(viewport={"width": 1280, "height": 800}, locale="en-GB")
        page = context.new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"{address}/?kiosk&boards=sales,health&every=5#key={key[0]}")
        expect(page.locator(value(page))).to_have_text("1.00K", timeout=15_000)
        assert "ss_" not in page.url
        assert not any("ss_" in url for url in asked)
        expect(page.locator(".controls")).to_be_hidden()
        assert "ss_" not in page.evaluate(KEPT)
        (cookie,) = context.cookies()
        assert cookie["httpOnly"]
        assert cookie["sameSite"] == "Strict"
        jar = {cookie["name"]: cookie["value"]}
        assert httpx.get(f"{address}/api/kpis", cookies=jar).status_code == 403
        assert httpx.post(f"{address}/events", cookies=jar, json={}).status_code == 401, "a cookie changes nothing"
        page.locator("article.health").wait_for(timeout=15_000)
        subprocess.run([*command, "revoke", key[1]], check=True, capture_output=True)
        assert httpx.get(f"{address}/api/boards", cookies=jar).status_code == 401
        context.close()


def test_a_board_says_its_language_and_colours(browser: Browser, folder: Path, tmp_path: Path) -> None:
    boards = tmp_path / "boards"
    boards.mkdir()
    own = "title: {en: South, zh: 华南}\nlang: zh\ntheme: light\nup: red\ntiles: [{kind: number, kpi: revenue}]\n"
    (boards / "mine.yaml").write_text(own, "utf-8")
    with (
        served(folder, SALESTREAM_BOARDS=str(boards)) as address,
        opened(browser, f"{address}/?board=mine", color_scheme="dark") as page,
    ):
        html = page.locator("html")
        expect(page.locator("article.number")).to_contain_text("销售额", timeout=15_000)
        for name, told in (("lang", "zh-CN"), ("data-theme", "light"), ("data-up", "red")):
            expect(html).to_have_attribute(name, told)
        page.keyboard.press("ArrowRight")
        expect(page.locator("article.leaders")).to_be_visible(timeout=15_000)
        for name, told in (("lang", "en"), ("data-theme", "dark"), ("data-up", "green")):
            expect(html).to_have_attribute(name, told)
        page.keyboard.press("l")
        page.keyboard.press("ArrowLeft")
        expect(html).to_have_attribute("data-theme", "light")
        page.goto(f"{address}/?board=mine&lang=en&theme=dark")
        expect(page.locator("article.number")).to_contain_text("Revenue", timeout=15_000)
        expect(html).to_have_attribute("data-theme", "dark")


def test_names_as_the_company_wants_them(folder: Path) -> None:
    with served(folder, SALESTREAM_WALL_NAMES="initials") as address:
        tell(address, event("w7", "deal.won", deal_id="D-7", amount="9.00", rep_id="R-1"))
        for _ in range(100):
            frame = httpx.get(f"{address}/api/frame?board=sales").json()
            wins = next(tile["wins"] for tile in frame["tiles"] if tile["kind"] == "wins")
            if wins[0]["deal"] == "D-7":
                break
            time.sleep(0.1)
        leaders = next(tile["rows"] for tile in frame["tiles"] if tile["kind"] == "leaders")
        assert (wins[0]["rep"], leaders[0]["name"]) == ("L. N.", "L. N.")
        assert "Li Na" not in str(frame)


@pytest.mark.parametrize(("theme", "size"), [("light", (1280, 800)), ("dark", (390, 844))], ids=["desk", "phone"])
def test_everybody_can_use_it(browser: Browser, address: str, theme: str, size: tuple[int, int]) -> None:
    """axe finds nothing on any board, in either language, nor on an open receipt."""
    context = browser.new_context(viewport={"width": size[0], "height": size[1]}, bypass_csp=True)
    page = context.new_page()
    for board in ("sales", "management", "rep", "health"):
        for lang in ("en", "zh"):
            page.goto(f"{address}/?board={board}&lang={lang}&theme={theme}")
            page.locator("article .value").first.wait_for()
            page.wait_for_timeout(700)  # what glides in has come in
            assert _axe(page) == []
    page.locator("article .value").first.click()
    expect(page.locator("#receiptBody")).not_to_have_attribute("aria-busy", "true", timeout=15_000)
    assert _axe(page) == []
    context.close()


def _axe(page: Page) -> list[str]:
    page.evaluate(AXE)
    found = page.evaluate("axe.run({resultTypes: ['violations']})")
    return [
        f"{each['id']}: {each['nodes'][0]['html'][:200]} {each['nodes'][0]['failureSummary'][:300]}"
        for each in found["violations"]
    ]


def test_no_layout_overflows(browser: Browser, address: str) -> None:
    for wide, tall in ((1280, 800), (1920, 1080), (3840, 2160), (390, 844)):
        with opened(browser, address, viewport={"width": wide, "height": tall}) as page:
            page.locator("article .value").first.wait_for()
            assert page.evaluate("document.documentElement.scrollWidth") <= wide
            if wide > 1000:
                assert page.evaluate("document.documentElement.scrollHeight") <= tall
                cut = page.evaluate(
                    "[...document.querySelectorAll('.number')].filter(t => t.scrollHeight > t.clientHeight + 1).length"
                )
                assert cut == 0


def test_the_past_and_the_future_of_a_frame(address: str) -> None:
    frame = httpx.get(f"{address}/api/frame?board=sales&as_of=0").json()
    assert not frame["live"]
    assert frame["cut"]["position"] == 0
    assert httpx.get(f"{address}/api/frame?board=nothing").status_code == 400
    assert httpx.get(f"{address}/api/frame?board=sales&of=R-1").status_code == 400
