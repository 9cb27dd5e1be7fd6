"""The sets of ledger tables: the live one, one that a rebuild makes beside it, and the one before, for a rollback.

Every set has a name, which its tables carry as their comment through any exchange; that of the first is empty. An
exchange of several tables is no single step for the engine, so it is written down before it begins: who finds it broken
off brings it to its end, and who reads knows that it is going on.
"""

import uuid
from collections.abc import Mapping
from typing import Any, Final, Protocol

from services.clock import now_ms
from services.store.port import StoreError

LEDGER: Final = ("postings", "history", "checkpoints")
"""The tables that a rebuild makes anew."""
SLOTS: Final = ("_beside", "_aside")
"""What the names of the tables of a set that is not live end with. One may hold the set before, for a rollback."""
SCRATCH: Final = "_scratch"
"""What the names of tables end with that only serve to compare."""


class Engine(Protocol):
    """Who executes the statements."""

    def query(self, sql: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """The rows of a SELECT."""

    def _command(self, sql: str, parameters: Mapping[str, Any]) -> None:
        """Anything else."""


class Sets:
    """Knows the sets of a store and exchanges them."""

    def __init__(self, engine: Engine, cluster: str = "") -> None:
        self._engine = engine
        self._cluster = cluster

    def _query(self, sql: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        return self._engine.query(sql, parameters)

    def _command(self, sql: str, parameters: Mapping[str, Any]) -> None:
        self._engine._command(sql, parameters)

    def live(self) -> str | None:
        """The name of the live set; None where its tables are of two, for an exchange goes on or broke off."""
        return self._whole("")

    def previous(self) -> str | None:
        """The slot of the set that was live before this one; None where it is not kept."""
        live = self.live()
        rows = self._query(
            "SELECT before FROM switches WHERE after = {live:String} AND done = 1 ORDER BY number DESC LIMIT 1",
            {"live": live or ""},
        )
        found = [slot for slot in SLOTS if rows and live is not None and self._whole(slot) == rows[0][0]]
        return found[0] if found else None

    def free(self) -> str:
        """A slot that a new set may take, without what a rebuild that ended badly left there. Raises StoreError."""
        if self.live() is None:
            raise StoreError("the tables of the ledger are being exchanged; try again in a minute")
        previous = self.previous()
        slot = next(slot for slot in SLOTS if slot != previous)
        self.drop(slot)
        return slot

    def drop(self, suffix: str) -> None:
        """Drop the tables of a set that is not live, where there are any."""
        assert suffix, "the live set stays"
        for table in LEDGER:
            self._command(f"DROP TABLE IF EXISTS {table}{suffix} SYNC", {})

    def name(self, suffix: str) -> str:
        """Give a new set a name, which it is the only one to have."""
        name = f"ledger {uuid.uuid4().hex}"
        for table in LEDGER:
            self._command(f"ALTER TABLE {table}{suffix} MODIFY COMMENT '{name}'", {})
        return name

    def exchange(self, slot: str) -> None:
        """Put the set in this slot in the place of the live one, which takes the slot; any other set is dropped."""
        live, other = self.live(), self._whole(slot)
        if live is None or other is None:
            raise StoreError("the new tables of the ledger are not whole any more; run `salestream rebuild` again")
        ((last,),) = self._query("SELECT max(number) FROM switches", {})
        row = {"number": last + 1, "at_ms": now_ms(), "before": live, "after": other}
        self._note(row, done=0)
        self._exchange(LEDGER, slot)
        self._note(row, done=1)
        for each in SLOTS:
            if each != slot:
                self.drop(each)

    def settle(self, patience_ms: int = 0) -> None:
        """Bring an exchange to its end that broke off; one that began less than ``patience_ms`` ago may still go on.

        Raises StoreError where it may.
        """
        rows = self._query(
            "SELECT number, done, at_ms, before, after FROM switches ORDER BY number DESC, done DESC LIMIT 1", {}
        )
        if not rows or rows[0][1]:
            return
        number, _, at_ms, before, after = rows[0]
        if now_ms() < at_ms + patience_ms:
            raise StoreError("the tables of the ledger are being exchanged; try again in a minute")
        names = self._names()
        if after in names[""].values():  # it began
            for slot in SLOTS:
                left = [table for table in LEDGER if names[slot].get(table) == after and names[""][table] == before]
                if left:
                    self._exchange(left, slot)
        self._note({"number": number, "at_ms": at_ms, "before": before, "after": after}, done=1)

    def reading(self) -> str | None:
        """What a reader looks at before and after: the same both times, all it read is of one set. None: not now."""
        rows = self._query("SELECT number, done FROM switches ORDER BY number DESC, done DESC LIMIT 1", {})
        if not rows or rows[0][1]:
            return str(rows[0][0] if rows else 0)
        live = self.live()
        return None if live is None else f"{rows[0][0]} from {live}"

    def _exchange(self, tables: Any, slot: str) -> None:
        self._command("EXCHANGE TABLES " + ", ".join(f"{table} AND {table}{slot}" for table in tables), {})

    def _note(self, row: Mapping[str, Any], *, done: int) -> None:
        self._command(
            "INSERT INTO switches (number, done, at_ms, before, after) "
            "SELECT {number:UInt64}, {done:UInt8}, {at_ms:Int64}, {before:String}, {after:String}",
            {**row, "done": done},
        )

    def _whole(self, suffix: str) -> str | None:
        """The name that all tables of a set have; None where they are not all there or have several."""
        names = self._names()[suffix]
        return next(iter(names.values())) if len(names) == len(LEDGER) and len(set(names.values())) == 1 else None

    def _names(self) -> dict[str, dict[str, str]]:
        """The names of the sets by suffix and table."""
        end = "_local" if self._cluster else ""
        tables = f"clusterAllReplicas('{self._cluster}', system.tables)" if self._cluster else "system.tables"
        places = {f"{table}{suffix}{end}": (suffix, table) for suffix in ("", *SLOTS) for table in LEDGER}
        rows = self._query(
            f"SELECT name, groupUniqArray(comment) FROM {tables} "
            "WHERE database = currentDatabase() AND name IN {names:Array(String)} GROUP BY name",
            {"names": list(places)},
        )
        found: dict[str, dict[str, str]] = {suffix: {} for suffix in ("", *SLOTS)}
        for name, comments in rows:
            suffix, table = places[name]
            found[suffix][table] = comments[0] if len(comments) == 1 else "of several"
        return found
