"""``make pictures``: the pictures of the wallboard in docs/, taken of a simulated company in a real browser."""

import re
import shutil
import tempfile
from datetime import date
from pathlib import Path
from typing import Final

from playwright.sync_api import sync_playwright

from services.clock import now_ms
from services.gateway.server import address_of, bound, served_beside
from services.gateway.wiring import watching
from services.keys.sqlite import SqliteKeys
from services.settings import Settings
from services.simulator.company import Company
from services.workspace import Workspace

DOCS: Final = Path(__file__).parents[3] / "docs"
COMPANY: Final = Company(seed=7, years=2, reps=40, until=date(2025, 5, 23))
PICTURES: Final = (
    ("wallboard.png", "board=sales&lang=en&theme=dark", 1600, 900),
    ("wallboard.zh.png", "board=sales&lang=zh&theme=dark", 1600, 900),
    ("wallboard.light.png", "board=management&lang=en&theme=light", 1600, 900),
    ("wallboard.tv.png", "board=sales&lang=zh&theme=light&kiosk", 1920, 1080),
    ("wallboard.phone.png", "board=rep&lang=en&theme=light&of=rep-23", 390, 844),
)
"""Each: its file, what the page is asked for, and the size of the screen."""


def main() -> None:
    """Let the company live, and take every picture of its last day."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Workspace(Settings(data=Path(folder))) as workspace,
        SqliteKeys(workspace.settings.keys_path) as keys,
        bound("127.0.0.1", 0) as at,
    ):
        workspace.ingest().tell(list(COMPANY.events()), now_ms=now_ms(), importer=True, origin="pictures")
        workspace.post_all()
        with watching(workspace, keys, lambda cut: cut.recorded_ms) as app, served_beside(app, at):
            take(address_of(at))


def take(address: str) -> None:
    """Every picture of the boards at an address, into docs/."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        for name, asked, wide, tall in PICTURES:
            page = browser.new_page(viewport={"width": wide, "height": tall}, reduced_motion="reduce")
            page.goto(f"{address}/?{asked}")
            page.locator("article .value").first.wait_for(timeout=120_000)
            page.locator("#badge", has_text=re.compile("✓")).wait_for(timeout=60_000)
            page.wait_for_timeout(2_500)
            page.screenshot(path=DOCS / name)
            page.close()
        browser.close()


if __name__ == "__main__":
    main()
