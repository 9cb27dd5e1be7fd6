"""What is generated is checked in, and is what the generators give today."""

import re
from pathlib import Path

import pytest

from services.docs import PAGES, ROOT, main


@pytest.mark.parametrize("place", PAGES)
def test_the_page_is_fresh(place: str) -> None:
    assert (ROOT / place).read_text("utf-8") == PAGES[place](), f"{place} is stale; run make docs"


@pytest.mark.parametrize("place", PAGES)
def test_every_link_inside_a_page_has_its_section(place: str) -> None:
    text = (ROOT / place).read_text("utf-8")
    kept = (re.sub(r"[^\w\- ]", "", title).replace(" ", "-").lower() for title in re.findall(r"^#+ (.+)$", text, re.M))

    assert set(re.findall(r"\]\(#(.+?)\)", text)) <= set(kept)


def test_stale_pages_are_written_and_fresh_ones_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for place in PAGES:
        (tmp_path / place).parent.mkdir()

    main(tmp_path)
    first = capsys.readouterr().out
    main(tmp_path)

    assert first.splitlines() == [f"{place} written" for place in PAGES]
    assert capsys.readouterr().out == ""
