"""Killed at random moments: what ``make torture`` does at length, in short."""

import random
from collections.abc import Callable

from tests.services.worker.harness import Site, unique
from tests.services.worker.nursery import Nursery
from tests.services.worker.torture import Watcher, disordered, killed

KILLS = 30


def test_thirty_kills_lose_nothing_and_double_nothing(site: Site, right: Callable[..., None]) -> None:
    chance = random.Random(11)
    events = disordered(unique("acme", "bolt", "crux"), 20 * KILLS // 3, chance)
    with Nursery() as nursery, Watcher(site):
        site.nursery = nursery
        killed(site, events, KILLS, chance)
        site.begin()
        right(90)
