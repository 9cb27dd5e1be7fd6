"""The ledger store on ClickHouse, through clickhouse-connect: chDB in this process, or a server."""

import hashlib
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from copy import copy
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Any, Final

import clickhouse_connect
import pyarrow as pa
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError
from msgspec.structs import astuple

from events.envelope import Entry
from projections.ledger import Key, Line
from services.journal.port import Cut
from services.store.abreast import abreast
from services.store.binding import bound
from services.store.columns import checkpoint_table, history_table, postings_table
from services.store.port import Applied, StoreError
from services.store.sets import LEDGER, SCRATCH, Sets

_ENTRY: Final = "position, recorded_ms, source, id, type, at_ms, entity, body"
AS_IT_IS: Final = {"optimize_on_insert": 0}
"""No line stands twice in what is written at once, so the engine need not look for doubles in it: half of the work."""
_ENDING: Final = re.compile(rf"\b({'|'.join(LEDGER)})$", re.MULTILINE)
"""The name of a ledger table at the end of a line, as a statement that makes or changes it has it."""


def open_chdb(path: Path) -> "ClickHouseStore":
    """The embedded store in a directory of its own. One process at a time. Raises StoreError."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        with _engine_is_quiet():
            client = _connected(path)
    except (ClickHouseError, RuntimeError, OSError) as error:
        if "already initialized" in str(error):
            raise StoreError(
                f"the store at {path} cannot be opened, for this process has that of another folder open; "
                "close that one first, or use another process"
            ) from error
        raise StoreError(
            f"the store at {path} cannot be opened ({first_line(error)}); "
            "if it is damaged, delete that folder: the next command makes it anew from the journal"
        ) from error
    try:
        store = ClickHouseStore(client, suffix="")
        store.settle()
        store.connect = partial(_connected, path)
    except StoreError:
        client.close()  # the engine is the only one of this process, and the next try needs it
        raise
    return store


def _connected(path: Path) -> Client:
    return clickhouse_connect.get_client(interface="chdb", path=str(path))


@contextmanager
def _engine_is_quiet() -> Iterator[None]:
    """What the engine prints on its own about a store that it cannot open is left out: our sentence says it."""
    sys.stderr.flush()
    with Path(os.devnull).open("w") as nowhere:
        kept = os.dup(2)
        os.dup2(nowhere.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)


class ClickHouseStore:
    """The port on ClickHouse. ``suffix`` names a second set of tables beside the live ones, for a rebuild."""

    advice = "if it is damaged, delete the store folder: the next command makes it anew from the journal"
    """What to do where it cannot be read."""
    renewal = "delete the store folder: the next command makes it anew from the journal"
    """What to do where its tables are of no use."""
    connect: Callable[[], Client] | None = None
    """Makes another connection, where one does one thing after the other."""

    def __init__(self, client: Client, suffix: str) -> None:
        self._client = client
        self._suffix = suffix
        self._checkpoints: dict[str, Cut] = {}
        """As last read or written: the process that owns the engine is the only one that writes."""
        self._line_counts: dict[str, int] = {}
        """How many lines were written, likewise."""
        self._exchanges = 0
        """How often sets of tables were exchanged; odd while they are."""
        self._second: Client | None = None
        """The connection of other sets of tables."""
        self._aside: list[Client] = []
        """One more, made when first needed: for what is asked at the same time, of any set."""
        self._origin = self
        """Who exchanges sets, where this one only has a connection of its own."""
        self._sets: Final = self._make_sets()
        self._make_tables()

    def _make_sets(self) -> Sets:
        return Sets(self)

    def query(self, sql: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        try:
            told = {name: bound(value) for name, value in parameters.items()}
            rows = self._client.query(self._named(sql), parameters=told).result_rows
            return [tuple(row) for row in rows]
        except ClickHouseError as error:
            raise StoreError(f"the store could not answer: {first_line(error)}; {self.advice}") from error

    def queries(self, asked: Sequence[tuple[str, Mapping[str, Any]]]) -> list[list[tuple[Any, ...]]]:
        if len(asked) < 2 or self.connect is None:
            return [self.query(*each) for each in asked]
        if not self._aside:
            self._aside.append(self.connect())
        other = copy(self)
        other._client = self._aside[0]
        return abreast([self.query, other.query], asked)

    def arrow(self, sql: str) -> Any:
        """The rows of a SELECT as an Arrow table. It can change nothing."""
        try:
            return self._client.query_arrow(sql, settings={"readonly": 1}, use_strings=True)
        except ClickHouseError as error:
            raise StoreError(f"the store could not answer: {first_line(error)}") from error

    def checkpoint(self, tenant: str) -> Cut:
        if tenant not in self._checkpoints:
            self._checkpoints[tenant] = self.read_checkpoint(tenant)
        return self._checkpoints[tenant]

    def read_checkpoint(self, tenant: str) -> Cut:
        """The checkpoint as it stands in the store, whatever this process remembers."""
        rows = self.query(
            "SELECT position, recorded_ms FROM {checkpoints} WHERE tenant = {tenant:String} "
            "ORDER BY position DESC LIMIT 1",
            {"tenant": tenant},
        )
        return Cut(*rows[0]) if rows else Cut(0, 0)

    def tenants(self) -> list[str]:
        sql = "SELECT DISTINCT tenant FROM {checkpoints} WHERE position > 0 ORDER BY tenant"
        return [row[0] for row in self.query(sql, {})]

    def write(self, tenant: str, applied: Sequence[Applied], lines: Sequence[Line]) -> None:
        done = self._done(tenant)
        applied = [each for each in applied if each.entry.position > done]
        lines = [line for line in lines if line.position > done]
        if applied:
            last = applied[-1].entry
            cut = Cut(last.position, last.recorded_ms)
            postings = [postings_table(tenant, lines)] if lines else []
            self.write_tables(tenant, [_history(tenant, applied)], postings, cut)

    def _done(self, tenant: str) -> int:
        """The position up to which this process has written or found everything."""
        return self.checkpoint(tenant).position

    def write_tables(self, tenant: str, history: Sequence[Any], postings: Sequence[Any], cut: Cut) -> None:
        """Finished columns of events and their lines, then the checkpoint."""
        rows = [("history", table, f"{cut.position}:{number}") for number, table in enumerate(history)]
        rows += [("postings", table, f"{cut.position}:{number}") for number, table in enumerate(postings)]
        self._put_all(tenant, rows)
        count = sum(table.num_rows for table in postings)
        self.move_checkpoint(tenant, cut, self.lines(tenant) + count)

    def lines(self, tenant: str) -> int:
        """How many lines were written for a tenant, up to its checkpoint."""
        if tenant not in self._line_counts:
            rows = self.query("SELECT max(lines) FROM {checkpoints} WHERE tenant = {tenant:String}", {"tenant": tenant})
            self._line_counts[tenant] = int(rows[0][0])
        return self._line_counts[tenant]

    def move_checkpoint(self, tenant: str, cut: Cut, lines: int) -> None:
        """Everything up to here is written, and that is how many lines there are."""
        self._forget(tenant)
        self.insert("checkpoints", checkpoint_table(tenant, cut, lines))
        self._checkpoints[tenant], self._line_counts[tenant] = cut, lines

    def _forget(self, tenant: str) -> None:
        """What is remembered of a checkpoint may not hold any more."""
        self._checkpoints.pop(tenant, None)
        self._line_counts.pop(tenant, None)

    def _put_all(self, tenant: str, rows: Sequence[tuple[str, Any, str]]) -> None:
        """Each table's rows and their part, as ``_put`` takes them; all of them are there when this ends."""
        for table, each, part in rows:
            self._put(tenant, table, each, part)

    def _put(self, tenant: str, table: str, rows: Any, part: str) -> None:
        """Rows of a tenant into a table of this set. ``part`` names them among all that its owner ever puts there."""
        self.insert(table, rows)

    def insert(self, table: str, rows: Any) -> None:
        """Arrow rows into a table of this set."""
        try:
            block: Any = _arrow(rows)
            self._client.raw_insert(f"{table}{self._suffix}", rows.column_names, block, AS_IT_IS, "Arrow")
        except ClickHouseError as error:
            raise StoreError(f"the store could not be written: {first_line(error)}") from error

    def recover(self, tenant: str) -> None:
        self.merge()  # who was killed may have left it otherwise
        above = {"tenant": tenant, "position": self.checkpoint(tenant).position}
        for table in ("postings", "history"):
            self._delete(table, "tenant = {tenant:String} AND position > {position:UInt64}", above)
        parked = (
            "tenant = {tenant:String} AND position IN "
            "(SELECT position FROM {history} WHERE tenant = {tenant:String} AND parked != '')"
        )
        undone = self._delete("postings", parked, above)
        undone |= self._delete("history", f"{parked} AND parked = ''", above)
        if undone:
            self._count_lines(tenant)

    def _delete(self, table: str, where: str, parameters: Mapping[str, Any]) -> bool:
        """Delete rows, where there are any; whether there were."""
        found = bool(self.query(f"SELECT 1 FROM {{{table}}} WHERE {where} LIMIT 1", parameters))
        if found:
            self._command(f"ALTER TABLE {{{table}}} DELETE WHERE {where} SETTINGS mutations_sync = 2", parameters)
        return found

    def _count_lines(self, tenant: str) -> None:
        """The ledger has as many lines as stand in it now."""
        ((lines,),) = self.query("SELECT count() FROM {postings} WHERE tenant = {tenant:String}", {"tenant": tenant})
        self._forget(tenant)
        self._command(
            "ALTER TABLE {checkpoints} UPDATE lines = {lines:UInt64} WHERE tenant = {tenant:String} "
            "SETTINGS mutations_sync = 2",
            {"tenant": tenant, "lines": lines},
        )

    def histories(self, tenant: str, keys: Sequence[Key]) -> dict[Key, list[Entry]]:
        found: dict[Key, list[Entry]] = {}
        rows = self.query(
            f"SELECT book, {_ENTRY} FROM {{history}} WHERE tenant = {{tenant:String}} "
            "AND (book, entity) IN {keys:Array(Tuple(String, String))} AND parked = '' ORDER BY position",
            {"tenant": tenant, "keys": list(keys)},
        )
        for book, *row in rows:
            entry = as_entry(tenant, row)
            found.setdefault((book, entry.subject), []).append(entry)
        return found

    def parked(self, tenant: str) -> list[tuple[Entry, str, str]]:
        rows = self.query(
            f"SELECT {_ENTRY}, book, parked FROM {{history}} WHERE tenant = {{tenant:String}} AND parked != '' "
            "ORDER BY position",
            {"tenant": tenant},
        )
        return [(as_entry(tenant, row[:8]), row[8], row[9]) for row in rows]

    def unpark(self, tenant: str, applied: Sequence[Applied], lines: Sequence[Line]) -> None:
        """The events stay parked to the last, so that ``recover`` sees what was not finished and takes it away."""
        part = f"parked {applied[0].entry.position}"
        if lines:
            self._put(tenant, "postings", postings_table(tenant, lines), part)
        self._put(tenant, "history", _history(tenant, applied), part)
        self._count_lines(tenant)
        told = {"tenant": tenant, "positions": [each.entry.position for each in applied]}
        which = "tenant = {tenant:String} AND position IN {positions:Array(UInt64)} AND parked != ''"
        self._delete("history", which, told)

    def beside(self) -> "ClickHouseStore":
        """A fresh, empty set of tables beside the live ones, for a rebuild. What an earlier one left behind goes."""
        self.settle()
        suffix = self._sets.free()
        store = self._with_tables(suffix)
        self._sets.name(suffix)
        return store

    def scratch(self) -> "ClickHouseStore":
        """A fresh, empty set of tables that is never put in place, to compare with."""
        self.drop_scratch()
        return self._with_tables(SCRATCH)

    @contextmanager
    def apart(self) -> Iterator["ClickHouseStore"]:
        """The same store for another thread, which then waits for nothing that is written or asked here."""
        if self.connect is None:
            yield self
            return
        other = copy(self)
        other._client, other._second, other._aside = self.connect(), None, []
        try:
            yield other
        finally:
            other.close()

    def before(self) -> "ClickHouseStore | None":
        """The set that was live before this one; None where it is not kept."""
        self.settle()
        slot = self._sets.previous()
        return None if slot is None else self._with_tables(slot)

    def _with_tables(self, suffix: str) -> "ClickHouseStore":
        """Another set, over a connection of its own: nobody waits here for what is written there."""
        if self._second is None and self.connect is not None:
            self._second = self.connect()
        store = ClickHouseStore(self._second or self._client, suffix)
        store.connect, store._aside = self.connect, self._aside
        return store

    def drop_beside(self) -> None:
        """Drop the tables of a rebuild that was given up. The set that was live before stays."""
        self._sets.free()

    def drop_scratch(self) -> None:
        """Drop the tables that served to compare."""
        self._sets.drop(SCRATCH)

    def settle(self) -> None:
        """Bring an exchange of tables to its end that was broken off."""
        self._sets.settle()

    def hold(self) -> None:
        """Let nobody else write, as long as it takes to switch. Here nobody else can."""

    def switch(self, other: "ClickHouseStore") -> None:
        """Exchange the live tables for those of another set. They are kept, for the way back; any older set goes."""
        self._exchanges += 1
        try:
            self._sets.exchange(other._suffix)
        finally:
            self._exchanges += 1
            self._checkpoints.clear()
            self._line_counts.clear()

    def reading(self) -> str | None:
        """What a reader looks at before and after: the same both times, all it read is of one set. None: not now."""
        exchanges = self._origin._exchanges
        return None if exchanges % 2 else str(exchanges)

    def merge(self, at_once: int = 0) -> None:
        """Let the engine merge pieces, as it likes, or only so many ``at_once``: few are written again and again."""
        for table in ("postings", "history"):
            self._command(f"ALTER TABLE {{{table}}} MODIFY SETTING min_parts_to_merge_at_once = {at_once}", {})

    def tidy(self) -> None:
        """Merge what a long stretch of writing left in many pieces: questions read one piece faster."""
        with self.apart() as other, ThreadPoolExecutor(1) as aside:
            history = aside.submit(other._command, "OPTIMIZE TABLE {history} FINAL", {})
            self._command("OPTIMIZE TABLE {postings} FINAL", {})
            history.result()

    def sizes(self) -> dict[str, int]:
        """Bytes on disk by table."""
        rows = self.query(
            "SELECT table, sum(bytes_on_disk) FROM system.parts WHERE active AND database = currentDatabase() "
            "AND table IN {tables:Array(String)} GROUP BY table ORDER BY table",
            {"tables": list(LEDGER)},
        )
        return {str(table): int(size) for table, size in rows}

    def close(self) -> None:
        for client in filter(None, (*self._aside, self._second, self._client)):
            client.close()

    def _command(self, sql: str, parameters: Mapping[str, Any]) -> None:
        try:
            self._client.command(self._named(sql), parameters=dict(parameters))
        except ClickHouseError as error:
            raise StoreError(f"the store could not be changed: {first_line(error)}") from error

    def _named(self, sql: str) -> str:
        """``{postings}`` as the table of this set; bound parameters are left alone."""
        for table in LEDGER:
            sql = sql.replace(f"{{{table}}}", f"{table}{self._suffix}")
        return sql

    def _make_tables(self) -> None:
        """Make or change the tables where that was not done yet, step by step."""
        known = self._versions()
        for version, text in migrations():
            digest = hashlib.sha256(text.encode()).hexdigest()
            if known.get(version, digest) != digest:
                raise StoreError(f"the store was made by another version of Salestream; {self.renewal}")
            if self._suffix or version not in known:
                for statement in filter(str.strip, _without_comments(text).split(";")):
                    self._define(_ENDING.sub(rf"\1{self._suffix}", statement))
            if version not in known:
                self._client.insert("schema_versions", [[version, digest]], column_names=["version", "digest"])

    def _versions(self) -> dict[int, str]:
        """The steps that were done, each with the digest of its text."""
        ((made,),) = self.query("EXISTS TABLE schema_versions", {})
        return dict(self.query("SELECT version, digest FROM schema_versions", {})) if made else {}

    def _define(self, statement: str) -> None:
        """Make or change a table."""
        self._command(statement, {})


def _arrow(rows: Any) -> memoryview:
    """The rows in Arrow's file format, without a copy of it."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, rows.schema) as writer:
        writer.write_table(rows)
    return memoryview(sink.getvalue())


def _history(tenant: str, applied: Sequence[Applied]) -> pa.Table:
    places = [astuple(each.entry)[1:] for each in applied]
    parked = {each.entry.position: each.parked for each in applied if each.parked}
    return history_table(tenant, places, [each.book for each in applied], parked)


def as_entry(tenant: str, row: Sequence[Any]) -> Entry:
    """A row of ``history`` as the journal's entry."""
    position, recorded_ms, source, id_, type_, at_ms, entity, body = row
    raw = body if isinstance(body, bytes) else body.encode()
    return Entry(tenant, position, recorded_ms, source, id_, type_, at_ms, entity, raw)


def migrations() -> list[tuple[int, str]]:
    """The numbered table files, forward only."""
    folder = resources.files("projections") / "tables"
    files = sorted((file.name, file.read_text("utf-8")) for file in folder.iterdir() if file.name.endswith(".sql"))
    return [(int(name[:4]), text) for name, text in files]


def _without_comments(text: str) -> str:
    return "\n".join(line.split("--")[0].rstrip() for line in text.splitlines())


def first_line(error: BaseException) -> str:
    """What went wrong on the way, or else the first line of what the engine says."""
    cause = error.__cause__ or error.__context__
    while cause is not None:
        if isinstance(cause, OSError):
            return cause.strerror or str(cause)
        cause = cause.__cause__ or cause.__context__
    return str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
