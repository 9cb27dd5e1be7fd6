"""A journal that seals what is personal, in a fresh folder."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from events import codec
from events.envelope import Told
from services.journal.open import open_journal
from services.journal.sqlite import SqliteJournal
from services.settings import Settings

NOW = 1_795_000_000_000
CANARY = "李娜-canary"


def lead(id_: str = "e-1", *, lead_id: str = "L-1", importer: bool = False, **more: Any) -> Told:
    """Somebody asks, by name."""
    told = {
        "specversion": "1.0",
        "id": id_,
        "source": "/crm",
        "type": "lead.created",
        "time": "2026-03-02T09:00:00+08:00",
        "data": {"lead_id": lead_id, "contact": {"name": CANARY, "email": f"{CANARY}@example.com"}},
    }
    return codec.decode(told | more, now_ms=NOW, currency="CNY", importer=importer)


def data(lead_id: str = "L-1", name: str = CANARY, **more: Any) -> dict[str, Any]:
    """The data of a lead."""
    return {"lead_id": lead_id, "contact": {"name": name, "email": f"{name}@example.com"}} | more


def hits(folder: Path, *texts: str) -> list[str]:
    """The files below a folder that hold one of these texts, also as JSON or in UTF-16 would spell it."""
    wanted = [
        form for text in texts for form in (text.encode(), text.encode("utf-16-le"), text.encode("unicode_escape"))
    ]
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return [str(path.relative_to(folder)) for path in files if any(form in path.read_bytes() for form in wanted)]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path / "data")


@pytest.fixture
def journal(settings: Settings) -> Iterator[SqliteJournal]:
    settings.data.mkdir()
    with open_journal(settings) as journal:
        yield journal
