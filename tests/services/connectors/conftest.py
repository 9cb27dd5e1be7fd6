"""Desks of new companies."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.oracle.real_path import Company
from tests.services.connectors.desk import Desk, Open


@pytest.fixture
def open_desk(company: Callable[..., Company]) -> Open:
    """Opens the desk of a new tenant, with the mappings that ship or those of a folder."""

    def open_(mappings: Path | None = None) -> Desk:
        return Desk(company(), mappings)

    return open_


@pytest.fixture
def desk(open_desk: Open) -> Desk:
    """The desk of a new tenant."""
    return open_desk()
