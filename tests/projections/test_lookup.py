"""What holds for a key from a moment on, as numbers: found as the engine finds it, and as one would look it up."""

from bisect import bisect_right

from hypothesis import given
from hypothesis import strategies as st

from projections.lookup import Steps, steps
from projections.periods import FOREVER

KEYS = st.sampled_from(["", "a", "b", "c"])
MOMENTS = st.one_of(st.integers(-50, 50), st.integers(-62_135_596_800_000, 253_402_300_799_999))
TOLD = st.dictionaries(
    KEYS, st.dictionaries(st.one_of(MOMENTS, st.just(FOREVER[0])), st.sampled_from("xyz"), min_size=1), max_size=3
)


def found(known: Steps, key: str, at_ms: int) -> str:
    """The value that the engine finds: its roundDown gives the lowest step for what lies below all."""
    offset = dict(zip(known.keys, known.offsets, strict=True)).get(key, known.absent)
    place = offset + min(max(at_ms, known.first), known.last) * len(known.values)
    step = known.steps[max(bisect_right(known.steps, place) - 1, 0)]
    return str(known.values[step % len(known.values)])


@given(told=TOLD, key=KEYS, at_ms=MOMENTS)
def test_the_latest_that_is_in_force_holds(told: dict[str, dict[int, str]], key: str, at_ms: int) -> None:
    in_force = [(since, value) for since, value in told.get(key, {}).items() if since <= at_ms]
    expected = max(in_force)[1] if in_force else ""

    known = steps({key: rows.items() for key, rows in told.items()}, "")

    assert found(known, key, at_ms) == expected
    assert known.steps == sorted(set(known.steps)), "the engine searches them"


def test_what_does_not_change_is_no_step() -> None:
    known = steps({"a": [(10, "x"), (20, "x"), (30, "y")]}, "")
    assert len(known.steps) == len(["nothing at all", "nothing yet", "x", "y"])
    assert known.values == ["", "x", "y"]


def test_nothing_told() -> None:
    known = steps({}, "")
    assert [found(known, key, at_ms) for key in ("", "a") for at_ms in (-1, 0, 1)] == [""] * 6
