"""An office for every test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from services.journal.sqlite import SqliteJournal
from tests.services.importer.office import Office


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    """A company with an empty journal."""
    with SqliteJournal(tmp_path / "journal.sqlite") as journal:
        yield Office(tmp_path, journal)
