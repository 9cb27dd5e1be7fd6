"""A company that something is imported for: a journal, and a folder for its files."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent
from typing import Any

from services.importer.run import import_files
from services.ingest import Ingest
from services.journal.sqlite import SqliteJournal
from services.settings import Settings

WON = """\
source: test
currency: USD
rows:
  key: "{id}"
  events:
    - type: deal.won
      time: "{closed}"
      data: {deal_id: "{id}", amount: "{amount}"}
"""
"""The smallest mapping that makes sense."""


@dataclass
class Office:
    """Imports files into a journal of its own. It is what an import needs of a workspace."""

    folder: Path
    journal: SqliteJournal
    settings: Settings = field(default_factory=Settings)

    def ingest(self) -> Ingest:
        """The door of the journal."""
        return Ingest(self.journal, self.settings.currency)

    def file(self, name: str, content: str | bytes) -> Path:
        """A file in the folder."""
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def tell(
        self,
        mapping: str,
        content: str | bytes,
        *,
        name: str = "main.csv",
        beside: dict[str, str] | None = None,
        **more: Any,
    ) -> dict[str, Any]:
        """Imports one main file through a mapping."""
        for side, text in (beside or {}).items():
            self.file(side, text)
        plan = self.file("mapping.yaml", dedent(mapping))
        return import_files(self, "mine", [self.file(name, content)], plan, **more)

    def told(self) -> list[dict[str, Any]]:
        """The events in the journal."""
        return [json.loads(entry.body) for entry in self.journal.read(self.settings.tenant, 0, 10_000)]

    def data(self) -> list[dict[str, Any]]:
        """What they say."""
        return [event["data"] for event in self.told()]


def reasons(report: dict[str, Any]) -> Sequence[tuple[int, str]]:
    """The refusals of a report: line and reason."""
    return [(each["line"], each["reason"]) for each in report["refused"]]
