"""The SQLite journal keeps the contract."""

from collections.abc import Callable
from pathlib import Path

import pytest

from services.journal.port import Journal
from services.journal.sqlite import SqliteJournal
from tests.services.journal.contract import JournalContract


class TestSqliteJournal(JournalContract):
    """The contract, on a file."""

    @pytest.fixture
    def opener(self, tmp_path: Path) -> Callable[[str], Journal]:
        return lambda name: SqliteJournal(tmp_path / f"{name}.db")
