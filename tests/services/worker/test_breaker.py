"""The breaker: when it opens, when it tries, when it closes."""

import pytest

from services.worker.breaker import Breaker, Tripped


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def breaker(clock: Clock, percent: int = 90) -> Breaker:
    return Breaker("refused", percent, events=100, pause_s=60, now=clock)


def do(breaker: Breaker, total: int, bad: int) -> None:
    """A batch."""
    breaker.admit(total, bad)
    breaker.note(total, bad)


def test_a_few_bad_ones_at_the_start_are_no_reason(clock: Clock) -> None:
    watched = breaker(clock)
    do(watched, 99, 99)
    assert watched.state == "closed"


def test_it_opens_before_the_batch_that_makes_nearly_all_of_the_latest_bad(clock: Clock) -> None:
    watched = breaker(clock)
    do(watched, 50, 44)
    with pytest.raises(Tripped, match="90 % or more of the latest 100 events were refused") as tripped:
        watched.admit(50, 46)
    assert tripped.value.wait_s == 60
    assert watched.state == "open"


def test_one_less_is_let_through(clock: Clock) -> None:
    watched = breaker(clock)
    do(watched, 50, 44)
    do(watched, 50, 45)
    assert watched.state == "closed"


def test_what_was_good_long_ago_counts_no_more(clock: Clock) -> None:
    watched = breaker(clock)
    do(watched, 5000, 0)
    do(watched, 100, 100)
    with pytest.raises(Tripped):
        watched.admit(1, 1)


@pytest.mark.parametrize(("bad", "state"), [(20, "open"), (1, "closed")])
def test_after_the_pause_one_batch_tells(clock: Clock, bad: int, state: str) -> None:
    watched = breaker(clock)
    with pytest.raises(Tripped):
        watched.admit(100, 100)
    clock.now += 59
    with pytest.raises(Tripped) as tripped:
        watched.admit(1, 0)
    assert tripped.value.wait_s == 1
    clock.now += 1
    assert watched.state == "trying"
    do(watched, 20, bad)
    assert watched.state == state


def test_a_good_batch_is_never_stopped(clock: Clock) -> None:
    watched = breaker(clock, percent=10)
    do(watched, 99, 99)
    do(watched, 1, 0)
    assert watched.state == "closed"


def test_it_can_be_left_out(clock: Clock) -> None:
    watched = breaker(clock, percent=0)
    do(watched, 1000, 1000)
    assert watched.state == "closed"
