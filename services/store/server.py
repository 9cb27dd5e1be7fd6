"""The ledger store on a ClickHouse server, where other processes may write too.

Two things are added to what the embedded store does. A block of rows that is sent again, by the HTTP client after a
reset or because an answer was lost, is dropped by the server: every INSERT has a token of its own. And at most one
poster writes for a tenant: it begins with a checkpoint of a new epoch, and every later INSERT and deletion is done by
the server only while no newer epoch stands, so that a late one of an owner who was taken over from comes to nothing.
"""

import logging
import re
import socket
import uuid
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

import clickhouse_connect
import msgspec
import pyarrow as pa
from clickhouse_connect.driver.binding import format_str
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from projections.ledger import Line
from services.journal.port import Cut
from services.store.clickhouse import AS_IT_IS, ClickHouseStore, first_line
from services.store.cluster import SETTINGS, on_cluster
from services.store.port import UNFINISHED, Applied, Fenced, StoreError
from services.store.sets import LEDGER, Sets

WINDOW: Final = 10_000
"""So many of the latest blocks of each table are known by their tokens."""

OLDEST: Final = "26.2"
"""The first version whose INSERT ... SELECT keeps to a token when it is told to."""

_ABREAST: Final = 2
"""INSERTs of one batch that are on their way at the same time; so many, for the server merges what it took as well."""

_WHOLE: Final = AS_IT_IS | {
    "async_insert": 0,
    "deduplicate_insert_select": "enable_even_for_bad_queries",
    "max_threads": 1,
    "max_insert_threads": 1,
    "min_insert_block_size_rows": 100_000_000,
    "min_insert_block_size_bytes": 4 << 30,
}
"""An INSERT is one block, in the order in which it was sent: it is there as a whole or not at all."""


class Owner(msgspec.Struct, frozen=True):
    """This process as the one that writes for a tenant, and how far it has come."""

    epoch: int
    name: str
    position: int
    lines: int


def open_server(url: str, password: str = "", *, cluster: str = "", timeout_s: int = 60) -> "ServerStore":
    """The store that ``clickhouse://[user[:password]@]host[:port]/database[?secure=1]`` names.

    Raises StoreError, and ValueError where the URL names none.
    """
    parts = urlsplit(url)
    database = parts.path.strip("/")
    try:
        port = parts.port
    except ValueError:
        port = -1
    if parts.scheme != "clickhouse" or not parts.hostname or not re.fullmatch(r"\w+", database) or port == -1:
        raise ValueError(
            f"{parts.scheme}://…@{url.rpartition('@')[2]} names no ClickHouse server; "
            "allowed: clickhouse://[user[:password]@]host[:8123]/database[?secure=1]"
        )
    secure = parse_qs(parts.query).get("secure", ["0"])[-1] in ("1", "true")
    where = f"{parts.hostname}:{port or (8443 if secure else 8123)}"
    for library in ("clickhouse_connect", "urllib3"):  # they log addresses, which hold the values of questions
        logging.getLogger(library).setLevel(logging.CRITICAL)
    try:
        client = clickhouse_connect.get_client(
            host=parts.hostname,
            port=port or (8443 if secure else 8123),
            username=unquote(parts.username or "default"),
            password=password or unquote(parts.password or ""),
            secure=secure,
            compress="lz4",
            connect_timeout=10,
            send_receive_timeout=timeout_s,
            autogenerate_session_id=False,  # a session takes one statement at a time
            autogenerate_query_id=False,  # the same INSERT sent again would be refused while the first still runs
            show_clickhouse_errors="scrub",
            settings=SETTINGS if cluster else {},
        )
        _ready(client, database, cluster)
    except (ClickHouseError, OSError) as error:
        raise StoreError(
            f"the ClickHouse server at {where} cannot be used ({first_line(error)}); is it running?"
        ) from error
    return ServerStore(client, suffix="", cluster=cluster)


def _ready(client: Client, database: str, cluster: str) -> None:
    """The server is new enough, and the database is there."""
    if not client.min_version(OLDEST):
        raise StoreError(f"ClickHouse {client.server_version} is too old; install {OLDEST} or newer")
    engines = "SELECT engine FROM system.databases WHERE name = {name:String}"
    found = client.query(engines, parameters={"name": database}).result_rows
    if not found:
        everywhere = f" ON CLUSTER '{cluster}'" if cluster else ""
        client.command(f"CREATE DATABASE IF NOT EXISTS {database}{everywhere} ENGINE = Atomic")
    elif found[0][0] not in ("Atomic", "Replicated", "Shared"):
        raise StoreError(
            f"the database {database} has the engine {found[0][0]}, which cannot exchange tables; name an Atomic one"
        )
    client.database = database


class ServerStore(ClickHouseStore):
    """The port on a server. ``cluster`` names a cluster of it, where there is one."""

    advice = "try again, and look at the server if it goes on"
    renewal = "name another database, and it is made anew there from the journal"

    def __init__(self, client: Client, suffix: str, cluster: str) -> None:
        self._cluster = cluster
        self._begun: set[str] = set()
        self._owned: dict[str, Owner] = {}
        self._structure = cache(self._read_structure)
        super().__init__(client, suffix)

    def checkpoint(self, tenant: str) -> Cut:
        """Read each time: another process may write."""
        return self.read_checkpoint(tenant)

    def recover(self, tenant: str) -> None:
        if not self._suffix and self.reading() is None:
            raise StoreError(f"the tables of the ledger are being exchanged; {UNFINISHED}")
        self._begun.add(tenant)
        self._owned.pop(tenant, None)
        owner = self._claim(tenant)
        self._stop_others(tenant, owner)
        self._owned[tenant] = self._latest(tenant, owner)
        with self._held(tenant):
            self._adopt(tenant)
            super().recover(tenant)
            self._owned[tenant] = self._latest(tenant, owner)
            self._heal(tenant)

    def _claim(self, tenant: str) -> Owner:
        """Write the checkpoint of the next epoch, in one statement that takes over how far the latest one is."""
        owner = Owner(0, f"{socket.gethostname()}:{uuid.uuid4().hex}", 0, 0)
        latest = "(epoch, owner, position)"
        sql = (
            "INSERT INTO {checkpoints} (tenant, epoch, owner, position, recorded_ms, lines) "
            f"SELECT {format_str(tenant)}, max(epoch) + 1, {format_str(owner.name)}, argMax(position, {latest}), "
            f"argMax(recorded_ms, {latest}), argMax(lines, {latest}) FROM {{checkpoints}} "
            f"WHERE tenant = {format_str(tenant)}"
        )
        self._send(sql, b"", {"insert_deduplication_token": owner.name})
        if self._cluster:
            self._command("SYSTEM SYNC REPLICA {checkpoints}", {})  # so that the fence is judged by it everywhere
        rows = self.query(
            "SELECT epoch FROM {checkpoints} WHERE tenant = {tenant:String} AND owner = {owner:String} LIMIT 1",
            {"tenant": tenant, "owner": owner.name},
        )
        if not rows:
            raise StoreError(f"the store did not take the new checkpoint of {tenant}; {self.advice}")
        return msgspec.structs.replace(owner, epoch=rows[0][0])

    def _adopt(self, tenant: str) -> None:
        """Go on where an earlier owner came to while it was taken over from.

        Its last checkpoint may have been judged before the claim and written after: what it says is so, for the lines
        up to it were there before it, and readers may have seen it.
        """
        if self._cluster:
            self._command("SYSTEM SYNC REPLICA {checkpoints}", {})
        found = self.read_checkpoint(tenant)
        if found.position > self._owned[tenant].position:
            self.move_checkpoint(tenant, found, self._read_lines(tenant))

    def _latest(self, tenant: str, owner: Owner) -> Owner:
        """How far the latest owner is. Raises Fenced where that is not this one."""
        rows = self.query(
            "SELECT epoch, owner, position, lines FROM {checkpoints} WHERE tenant = {tenant:String} "
            "ORDER BY epoch DESC, owner DESC, position DESC LIMIT 1",
            {"tenant": tenant},
        )
        latest = Owner(*rows[0]) if rows else None
        if latest is None or (latest.epoch, latest.name) != (owner.epoch, owner.name):
            raise Fenced(f"another process has taken over writing the ledger of {tenant}; this one has stopped")
        return latest

    def _stop_others(self, tenant: str, owner: Owner) -> None:
        """End what earlier owners have running. What they send later is judged by the fence and comes to nothing."""
        processes = f"clusterAllReplicas('{self._cluster}', system.processes)" if self._cluster else "system.processes"
        which = "startsWith(Settings['log_comment'], {ours:String}) AND Settings['log_comment'] != {mine:String}"
        told = {"ours": self._comment(tenant), "mine": self._comment(tenant, owner)}
        running = f"SELECT count() FROM {processes} WHERE {which}"
        if self.query(running, told) != [(0,)]:
            self._command(f"KILL QUERY WHERE {which} SYNC", told)
            if self.query(running, told) != [(0,)]:
                raise StoreError(
                    f"a statement of an earlier owner of {tenant} does not end on the server; {self.advice}"
                )

    def _comment(self, tenant: str, owner: Owner | None = None) -> str:
        """What the statements of an owner carry, so that they are known on the server."""
        ours = f"salestream {self._client.database}{self._suffix} {tenant} "
        return ours + (f"{owner.epoch} {owner.name}" if owner else "")

    def _heal(self, tenant: str) -> None:
        """Every line and event stands once. Doubles go when parts are merged; lines that lack are an error."""
        for table, surplus in (("postings", self._lines_too_many), ("history", self._events_too_many)):
            if surplus(tenant) > 0:
                self._command(f"OPTIMIZE TABLE {{{table}}} FINAL", {})
            if left := surplus(tenant):
                raise StoreError(
                    f"the {table} of {tenant} have {abs(left)} rows too {'many' if left > 0 else 'few'}; "
                    "make the ledger anew from the journal with: salestream rebuild"
                )

    def _lines_too_many(self, tenant: str) -> int:
        owner = self._owned[tenant]
        return self._count(tenant, "postings", "count()") - owner.lines

    def _events_too_many(self, tenant: str) -> int:
        """Positions are nearly always without gaps, and then there is nothing to look for."""
        count = self._count(tenant, "history", "count()")
        if count == self._owned[tenant].position:
            return 0
        return count - self._count(tenant, "history", "uniqExact(position)")

    def _count(self, tenant: str, table: str, what: str) -> int:
        ((found,),) = self.query(
            f"SELECT {what} FROM {{{table}}} WHERE tenant = {{tenant:String}} AND position <= {{position:UInt64}}",
            {"tenant": tenant, "position": self._owned[tenant].position},
        )
        return int(found)

    def write(self, tenant: str, applied: Sequence[Applied], lines: Sequence[Line]) -> None:
        self._own(tenant)
        super().write(tenant, applied, lines)

    def write_tables(self, tenant: str, history: Sequence[Any], postings: Sequence[Any], cut: Cut) -> None:
        self._own(tenant)
        with self._held(tenant):
            super().write_tables(tenant, history, postings, cut)

    def unpark(self, tenant: str, applied: Sequence[Applied], lines: Sequence[Line]) -> None:
        self._own(tenant)
        with self._held(tenant):
            super().unpark(tenant, applied, lines)
            self._owned[tenant] = self._latest(tenant, self._owned[tenant])

    def _own(self, tenant: str) -> None:
        """The first write for a tenant takes it over; one after an error does not, for what it knows may be old."""
        if tenant not in self._begun:
            self.recover(tenant)
        if tenant not in self._owned:
            raise Fenced(f"the last write of the ledger of {tenant} did not end well; begin again from its checkpoint")

    @contextmanager
    def _held(self, tenant: str) -> Iterator[None]:
        """What breaks off in here ends the ownership: nobody knows how far it came.

        An owner who was taken over from is told so, also where the server ended its statement.
        """
        done = False
        try:
            yield
            done = True
        except StoreError as error:
            if not isinstance(error, Fenced):
                self._raise_if_fenced(tenant, error)
            raise
        finally:
            if not done:
                del self._owned[tenant]

    def _raise_if_fenced(self, tenant: str, error: StoreError) -> None:
        try:
            self._latest(tenant, self._owned[tenant])
        except Fenced as fenced:
            raise fenced from error
        except StoreError:
            return  # the server does not answer, which the first error says already

    def _done(self, tenant: str) -> int:
        return self._owned[tenant].position

    def lines(self, tenant: str) -> int:
        owner = self._owned.get(tenant)
        return owner.lines if owner else self._read_lines(tenant)

    def _read_lines(self, tenant: str) -> int:
        sql = (
            "SELECT lines FROM {checkpoints} WHERE tenant = {tenant:String} "
            "ORDER BY position DESC, epoch DESC, owner DESC LIMIT 1"
        )
        rows = self.query(sql, {"tenant": tenant})
        return int(rows[0][0]) if rows else 0

    def move_checkpoint(self, tenant: str, cut: Cut, lines: int) -> None:
        owner = self._owned[tenant]
        row = (
            f"{format_str(tenant)}, {owner.epoch}, {format_str(owner.name)}, {cut.position}, {cut.recorded_ms}, {lines}"
        )
        sql = (
            "INSERT INTO {checkpoints} (tenant, epoch, owner, position, recorded_ms, lines) "
            f"SELECT {row} WHERE {self._fence(tenant, owner)}"
        )
        self._send(sql, b"", self._named_block(tenant, owner, f"{cut.position}"))
        latest = self._latest(tenant, owner)
        if latest.position != cut.position:
            raise StoreError(f"the store did not take the checkpoint of {tenant} at {cut.position}; {self.advice}")
        self._owned[tenant] = latest

    def _put_all(self, tenant: str, rows: Sequence[tuple[str, Any, str]]) -> None:
        """Side by side: which comes first means nothing, for the checkpoint comes after both. One that fails does not
        end the others, and is raised when all have ended, so that nothing of ours is on its way after that.
        """
        with ThreadPoolExecutor(_ABREAST) as hands:
            for done in [hands.submit(self._put, tenant, *each) for each in rows]:
                done.result()

    def _put(self, tenant: str, table: str, rows: Any, part: str) -> None:
        owner = self._owned[tenant]
        names = ", ".join(rows.column_names)
        structure = ", ".join(f"{name} {self._structure(table)[name]}" for name in rows.column_names)
        sql = (
            f"INSERT INTO {{{table}}} ({names}) SELECT {names} FROM input({format_str(structure)}) "
            f"WHERE {self._fence(tenant, owner)} FORMAT Arrow"
        )
        self._send(sql, _arrow(rows), self._named_block(tenant, owner, f"{owner.position} {table} {part}"))

    def _read_structure(self, table: str) -> dict[str, str]:
        """The columns of a table and their types."""
        return {row[0]: row[1] for row in self.query(f"DESCRIBE TABLE {{{table}}}", {})}

    def _fence(self, tenant: str, owner: Owner) -> str:
        """Holds while this owner is the latest. The server judges it when it executes the statement."""
        latest = f"SELECT max((epoch, owner)) FROM {{checkpoints}} WHERE tenant = {format_str(tenant)}"
        return f"({owner.epoch}, {format_str(owner.name)}) = ({latest})"

    def _named_block(self, tenant: str, owner: Owner, part: str) -> dict[str, Any]:
        token = f"{tenant} {owner.epoch} {owner.name} {part}"
        return {"insert_deduplication_token": token, "log_comment": self._comment(tenant, owner)}

    def _send(self, sql: str, data: bytes, settings: Mapping[str, Any]) -> None:
        """An INSERT, which the client sends again after a reset; its token makes that one INSERT."""
        try:
            body = self._named(sql).encode() + b"\n" + data
            self._client.raw_insert(insert_block=body, settings=_WHOLE | dict(settings))  # type: ignore[call-arg]
        except ClickHouseError as error:
            raise StoreError(f"the store could not be written: {first_line(error)}; {self.advice}") from error

    def _delete(self, table: str, where: str, parameters: Mapping[str, Any]) -> bool:
        tenant = str(parameters["tenant"])
        return super()._delete(table, f"{where} AND {self._fence(tenant, self._owned[tenant])}", parameters)

    def _count_lines(self, tenant: str) -> None:
        owner = self._owned[tenant]
        ((lines,),) = self.query("SELECT count() FROM {postings} WHERE tenant = {tenant:String}", {"tenant": tenant})
        self._command(
            "ALTER TABLE {checkpoints} UPDATE lines = {lines:UInt64} WHERE tenant = {tenant:String} "
            "AND epoch = {epoch:UInt64} AND owner = {owner:String} SETTINGS mutations_sync = 2",
            {"tenant": tenant, "lines": lines, "epoch": owner.epoch, "owner": owner.name},
        )

    def _with_tables(self, suffix: str) -> "ServerStore":
        return ServerStore(self._client, suffix, self._cluster)

    def _make_sets(self) -> Sets:
        return Sets(self, self._cluster)

    def settle(self) -> None:
        self._sets.settle(patience_ms=30_000)

    def hold(self) -> None:
        """Take over every tenant. Who else writes begins anew in a few seconds, on the tables that are live then."""
        for tenant in self.tenants():
            self._stop_others(tenant, self._claim(tenant))

    def switch(self, other: ClickHouseStore) -> None:
        super().switch(other)
        self._owned.clear()
        self._begun.clear()

    def reading(self) -> str | None:
        return self._sets.reading()

    def merge(self, at_once: int = 0) -> None:
        """A server has its own mind about merges."""

    def tidy(self) -> None:
        """A server merges parts by itself, of all tenants, when it has time."""

    def sizes(self) -> dict[str, int]:
        if not self._cluster:
            return super().sizes()
        rows = self.query(
            f"SELECT replaceOne(table, '_local', ''), sum(bytes_on_disk) FROM cluster('{self._cluster}', system.parts) "
            "WHERE active AND database = currentDatabase() AND table IN {tables:Array(String)} "
            "GROUP BY table ORDER BY table",
            {"tables": [f"{table}_local" for table in LEDGER]},
        )
        return {str(table): int(size) for table, size in rows}

    def _define(self, statement: str) -> None:
        known = f"non_replicated_deduplication_window = {WINDOW}"
        super()._define(statement.replace("SETTINGS max_suspicious", f"SETTINGS {known}, max_suspicious"))

    def _command(self, sql: str, parameters: Mapping[str, Any]) -> None:
        for statement in on_cluster(self._named(sql), self._cluster) if self._cluster else [sql]:
            super()._command(statement, parameters)


def _arrow(rows: Any) -> bytes:
    """The rows in Arrow's file format, packed, in one batch."""
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression="lz4", unify_dictionaries=True)
    with pa.ipc.new_file(sink, rows.schema, options=options) as writer:
        writer.write_table(rows.combine_chunks())
    return bytes(sink.getvalue())
