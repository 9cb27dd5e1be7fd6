"""Who waits after a write that failed, and for how long."""

import logging

import pytest

from services.store.port import Fenced, StoreError
from services.worker.circuits import FENCED_S, FIRST_S, Circuits, pause_s


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at


def test_one_waits_longer_and_longer_and_the_others_do_not() -> None:
    clock, kinds = Clock(), list[str]()
    circuits = Circuits(8, kinds.append, clock)
    for tries in range(12):
        circuits.failing("acme", StoreError("full"))
        assert circuits.waits("acme")
        assert not circuits.waits("bolt")
        clock.at += min(FIRST_S * 2**tries, 8)
        assert not circuits.waits("acme"), "it is tried again in time"
    assert kinds == ["store"] * 12


def test_who_was_taken_over_from_stays_away_for_a_while() -> None:
    clock = Clock()
    circuits = Circuits(8, lambda of: None, clock)
    circuits.failing("acme", Fenced("taken over"))
    clock.at += FENCED_S / 2 - 0.01
    assert circuits.waits("acme")
    clock.at += FENCED_S
    assert not circuits.waits("acme")


def test_the_log_says_once_that_it_waits_and_once_that_it_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    circuits = Circuits(8, lambda of: None, Clock())
    for _ in range(3):
        circuits.failing("acme", StoreError("full"))
    circuits.failing("acme", Fenced("taken over"))
    circuits.well("acme")
    circuits.well("acme")
    assert len(caplog.records) == 3
    assert not circuits.waits("acme")


def test_whose_tenant_it_no_longer_is_forgets_it() -> None:
    circuits = Circuits(8, lambda of: None, Clock())
    for tenant in ("acme", "bolt"):
        circuits.failing(tenant, StoreError("full"))
    circuits.keep(lambda tenant: tenant == "bolt")
    assert [circuits.waits(tenant) for tenant in ("acme", "bolt")] == [False, True]


def test_a_pause_never_overflows() -> None:
    assert pause_s(10_000, 15) <= 15
