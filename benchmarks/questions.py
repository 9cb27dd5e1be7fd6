"""The same questions asked of the books, and in plain SQL over a table of the same events, in chDB and in DuckDB."""

import json
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import clickhouse_connect
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks import work
from benchmarks.measure import taken
from benchmarks.peers import environment
from benchmarks.peers.plain_sql import QUESTIONS, Rows, asked
from events.corrections import EventVoided
from events.envelope import Entry
from projections.question import question
from services.settings import Settings
from services.workspace import Workspace
from tests.clickhouse.running import ROOT

LOCK: Final = Path(__file__).parent / "peers" / "duck.lock"
ROUNDS: Final = 25
PAGE: Final = 100_000
NEAR: Final = 1e-4
"""Values so close are taken for the same: plain SQL reckons in floating point."""
LOCAL: Final = timedelta(hours=8)
"""The simulated company lives in Asia/Shanghai, which has had no other time in its years."""

Asked = dict[str, tuple[list[float], Rows]]


def measured(sizes: Sequence[int]) -> list[str]:
    """The figures, as Markdown, at the largest size."""
    with tempfile.TemporaryDirectory() as folder:
        path, data, table = (Path(folder) / name for name in ("events.jsonl", "data", "events.parquet"))
        taken(work.simulate, path, max(sizes))
        taken(work.ingest, data, path)
        count = int(taken(exported, data, table).result)
        own: Asked = taken(of_the_books, data).result
        beside: Asked = taken(of_chdb, table, Path(folder) / "chdb").result
        duck = _of_duckdb(table, Path(folder) / "duck")
    lines = ["## Questions beside plain SQL", ""]
    lines += [f"{count:,} clean events; median of {ROUNDS} after a first, in ms, and the share of cells that say the"]
    lines += ["same as the books.", "", "| KPI, by | the books | chDB | same | DuckDB | same |"]
    lines += ["|---|---|---|---|---|---|"]
    for kpi, (by, _) in QUESTIONS.items():
        told = [f"| `{kpi}`, {by} | {_middle(own[kpi][0])}"]
        for peer in (beside, duck):
            told += [_middle(peer[kpi][0]), f"{_alike(own[kpi][1], peer[kpi][1]):.1%}"] if peer else ["–", "–"]
        lines.append(" | ".join(told) + " |")
    return [*lines, ""]


def _middle(times: Sequence[float]) -> str:
    return f"{times[len(times) // 2]:.0f}"


def _alike(own: Rows, peer: Rows) -> float:
    """The share of the cells of either in which both have the same value."""
    ours, theirs = ({(dim, month): value for dim, month, value in rows} for rows in (own, peer))
    cells = ours.keys() | theirs.keys()
    same = sum(abs(ours.get(cell, 0) - theirs.get(cell, 0)) <= NEAR * abs(ours.get(cell, 0)) for cell in cells)
    return same / len(cells)


def exported(data: Path, table: Path) -> int:
    """The accepted events that nobody voided, as one clean table; how many."""
    count = 0
    with Workspace(Settings(data=data)) as workspace:
        journal = workspace.journal
        voided = {
            (told["source"], told["id"])
            for told in (_data(entry) for entry in journal.of_type("default", [EventVoided.TYPE]))
        }
        with pq.ParquetWriter(table, _SCHEMA) as file:
            after = 0
            while entries := journal.read("default", after, PAGE):
                after = entries[-1].position
                rows = [_row(entry) for entry in entries if (entry.source, entry.id) not in voided]
                file.write_table(pa.Table.from_pylist(rows, _SCHEMA))
                count += len(rows)
    return count


_SCHEMA: Final = pa.schema(
    [pa.field(name, pa.string(), nullable=False) for name in ("type", "entity")]
    + [pa.field("moment", pa.timestamp("s"), nullable=False)]
    + [(name, pa.string()) for name in ("product", "channel", "kind", "currency", "fulfils", "base", "quote")]
    + [("amount", pa.int64()), ("automated", pa.bool_()), ("rate", pa.float64())]
)


def _data(entry: Entry) -> dict[str, Any]:
    found = json.loads(entry.body)["data"]
    assert isinstance(found, dict)
    return found


def _row(entry: Entry) -> dict[str, Any]:
    told = _data(entry)
    return {
        **{name: told.get(name) for name in ("product", "channel", "kind", "currency", "base", "quote")},
        "type": entry.type,
        "entity": entry.subject,
        "moment": datetime.fromtimestamp(entry.at_ms // 1000, UTC).replace(tzinfo=None) + LOCAL,
        "fulfils": told.get("deal_id"),
        "amount": int(Decimal(told["amount"]) * 100) if "amount" in told else None,
        "automated": told.get("automated", False),
        "rate": float(told["rate"]) if "rate" in told else None,
    }


def of_the_books(data: Path) -> Asked:
    """The milliseconds of each KPI, and its rows."""
    found: Asked = {}
    with Workspace(Settings(data=data)) as workspace:
        books = workspace.books("default")
        for kpi, (by, _) in QUESTIONS.items():
            about = question(kpi, by=[by], grain="month")
            answer, times = books.ask(about), []
            for _ in range(ROUNDS):
                start = time.perf_counter()
                books.ask(about)
                times.append((time.perf_counter() - start) * 1000)
            found[kpi] = (sorted(times), list(_cells(answer, by)))
    return found


def _cells(answer: dict[str, Any], by: str) -> Iterator[tuple[str, str, float]]:
    for row in answer["rows"]:
        if row[by] and row["value"] is not None and float(row["value"]):
            yield row[by], row["period"], float(row["value"])


def of_chdb(table: Path, folder: Path) -> Asked:
    """The same in plain SQL, in the engine that the books are kept in."""
    client = clickhouse_connect.get_client(interface="chdb", path=str(folder))
    client.command("CREATE TABLE events ENGINE = MergeTree ORDER BY (type, entity, moment) AS SELECT * "
                   f"FROM file('{table}', Parquet)")  # fmt: skip
    return asked(lambda sql: client.query(sql).result_rows, ROUNDS)


def _of_duckdb(table: Path, folder: Path) -> Asked | None:
    """The same in DuckDB; None where it could not be installed."""
    python = environment.made(folder, LOCK)
    if python is None:
        return None
    command = [str(python), "-m", "benchmarks.peers.duck", str(table), str(ROUNDS)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    found: Asked = json.loads(done.stdout)
    return found
