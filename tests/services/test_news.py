"""What was posted last is known to those who ask at once, all of it or not at all."""

import pytest

from events.envelope import Entry
from projections.ledger import Line
from projections.posting import Dimensions, Posting
from services.journal.port import Cut
from services.news import MANY, Recent
from services.store.port import Applied, StoreError


def wrote(recent: Recent, before: int, *positions: int, lines: int = 1) -> None:
    """They are posted and written."""
    posted(recent, before, *positions, lines=lines)
    recent.wrote("t", Cut(positions[-1], positions[-1] * 10))


def posted(recent: Recent, before: int, *positions: int, lines: int = 1) -> None:
    """Touchpoints with so many lines each, behind a position."""
    applied = [Applied(Entry("t", at, at * 10, "/s", str(at), "touchpoint.logged", 0, "x", b""), "touchpoint")
               for at in positions]  # fmt: skip
    posting = Posting(measure="touchpoint", at_ms=0, event=1, count=1, dims=Dimensions(attributes=(("a", "b"),)))
    told = [Line(at, number, "touchpoint", "x", posting) for at in positions for number in range(lines)]
    recent.posted("t", before, applied, told, frozenset({("touchpoint", "x")}))


def positions(recent: Recent, known: int, upto: int) -> list[int] | None:
    news = recent.since("t", known, upto)
    return None if news is None else [line["position"] for line in news.lines]


def test_lines_between_any_two_checkpoints_are_known() -> None:
    recent = Recent()
    wrote(recent, 7, 8, 9)
    wrote(recent, 9, 10)
    assert recent.head("t") == Cut(10, 100)
    assert (positions(recent, 7, 10), positions(recent, 7, 9), positions(recent, 8, 10)) == (
        [8, 9, 10],
        [8, 9],
        [9, 10],
    )
    assert (positions(recent, 6, 10), positions(recent, 9, 11), positions(recent, 10, 10)) == (None, None, None)
    news = recent.since("t", 7, 10)
    assert news is not None
    assert [*news.books, *news.fresh] == ["touchpoint", ("touchpoint", "x")]
    assert news.lines[0]["attributes"] == {"a": "b"}
    part = recent.since("t", 8, 10)
    assert part is not None
    assert not part.fresh, "some of its lines may lie before"


def test_where_something_lacks_nothing_is_known() -> None:
    recent = Recent()
    wrote(recent, 0, 1)
    wrote(recent, 5, 6)
    assert (positions(recent, 0, 6), positions(recent, 5, 6)) == (None, [6])
    wrote(recent, 6, 7, lines=MANY + 1)
    assert (positions(recent, 6, 7), recent.head("t")) == (None, Cut(7, 70)), "so many are for the engine"
    wrote(recent, 7, 8)
    recent.forget("t")
    assert (recent.head("t"), recent.head("other")) == (None, None)


def test_it_keeps_no_more_than_fits() -> None:
    recent = Recent()
    for at in range(1, 9):
        wrote(recent, at - 1, at, lines=MANY // 2)
    assert positions(recent, 0, 8) is None
    assert len(positions(recent, 6, 8) or []) == MANY


def test_what_is_not_written_yet_is_known_ahead_and_can_be_waited_for() -> None:
    recent, heard = Recent(), list[str]()
    wrote(recent, 0, 1)
    posted(recent, 1, 2)
    assert (recent.head("t"), recent.ahead("t"), positions(recent, 0, 2)) == (Cut(1, 10), Cut(2, 20), [1, 2])
    recent.settle("t", 1)
    assert (heard, recent.awaited("t")) == ([], False), "that is written"

    def hurry() -> None:
        assert recent.awaited("t")
        heard.append("now")
        recent.wrote("t", Cut(2, 20))

    recent.hurry = hurry
    recent.settle("t", 2)
    assert (heard, recent.awaited("t"), recent.head("t")) == (["now"], False, Cut(2, 20))


def test_what_will_not_be_written_is_not_waited_for() -> None:
    recent = Recent()
    wrote(recent, 0, 1)
    posted(recent, 1, 2)
    recent.hurry = lambda: recent.forget("t")
    with pytest.raises(StoreError, match="could not be written yet"):
        recent.settle("t", 2)
