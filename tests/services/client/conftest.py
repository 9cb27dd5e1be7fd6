"""One ``salestream serve`` for the tests that do not kill it, and a key of a new tenant for each."""

import json
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.services.gateway.test_serve import served, shell

_TENANTS = count()


class Door(NamedTuple):
    """Where to tell, and the key for it."""

    url: str
    key: str


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """Its address, and its folder. A key may tell 200 events a second."""
    folder = tmp_path_factory.mktemp("house") / "data"
    with served(folder, SALESTREAM_RATE_EVENTS_PER_S="200") as running:
        yield running.told["address"], folder


@pytest.fixture
def door(house: tuple[str, Path]) -> Door:
    """A door of a tenant of whom nothing is known."""
    url, folder = house
    tenant = f"tenant-{next(_TENANTS)}"
    made = shell("--data", folder, "--json", "--tenant", tenant, "keys", "create", "--scope", "ingest")
    return Door(url, json.loads(made.out)["key"])
