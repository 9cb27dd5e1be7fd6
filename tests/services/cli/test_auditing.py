"""``audit`` on the command line."""

import pytest

from projections.books.deal import DealBook
from tests.services.cli.conftest import SEPTEMBER, Run


def test_the_books_of_september_are_right(told: Run) -> None:
    ran = told("audit", "--slices", 33)
    assert (ran.code, ran.out) == (0, "33 slices counted twice, 0 skipped\nBoth counts agree.\n")
    assert told("audit", "--slices", 11, "--json").json["differences"] == []


def test_a_difference_is_shown_with_its_events(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DealBook, "_close", lambda self, status, fact, lines, dims: None)
    run("ingest", "-", stdin=SEPTEMBER)
    ran = run("audit", "--slices", 88, "--lang", "zh")
    assert ran.code == 1
    assert "deals_won：账本为 0，事件为 1（记账规则）" in ran.out
    assert ran.out.endswith("两次计数不一致。\n")
