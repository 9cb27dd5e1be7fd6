"""The same tables on a cluster: replicated on every shard, and a Distributed table over them, sharded by tenant.

Statements are written for one server; here they become those of a cluster. ``postings`` is then the Distributed table,
``postings_local`` what lies on a shard. Statements that change a table go to what lies on the shards, everywhere.
"""

import re
from typing import Final

SETTINGS: Final = {
    "distributed_foreground_insert": 1,  # an insert is done when the shard has it
    "insert_quorum": "auto",  # ... and most of its replicas
    "allow_nondeterministic_mutations": 1,  # a mutation asks who the owner is
    "distributed_ddl_task_timeout": 120,
}
"""What a client asks of every statement on a cluster."""

_ENGINE: Final = re.compile(r"ENGINE = (\w*MergeTree)(?:\(([^()]*)\))?")
_MADE: Final = re.compile(r"\s*CREATE TABLE IF NOT EXISTS (\w+)\s", re.DOTALL)
_PAIR: Final = re.compile(r"(\w+) AND (\w+)")


def on_cluster(sql: str, cluster: str) -> list[str]:
    """The statements that do on a cluster what this one does on a server. Questions and inserts stay as they are."""
    everywhere = f"ON CLUSTER '{cluster}'"
    words = sql.split(maxsplit=3)
    match [word.upper() for word in words[:2]]:
        case ["CREATE", "TABLE"]:
            return _made(sql, cluster)
        case ["CREATE", "VIEW"]:
            return [re.sub(r"(CREATE VIEW IF NOT EXISTS \w+)", rf"\1 {everywhere}", sql, count=1)]
        case ["ALTER", "TABLE"] if "ADD COLUMN" in sql:
            changed = sql.replace(words[2], f"{words[2]}_local {everywhere}", 1)
            return [changed, _distributed(words[2], cluster, "CREATE OR REPLACE TABLE")]
        case ["ALTER" | "OPTIMIZE", "TABLE"]:
            return [sql.replace(words[2], f"{words[2]}_local {everywhere}", 1)]
        case ["DROP", "TABLE"]:
            name = re.sub(r"\s+SYNC\s*$", "", sql).split()[-1]
            return [f"DROP TABLE IF EXISTS {each} {everywhere} SYNC" for each in (name, f"{name}_local")]
        case ["EXCHANGE", "TABLES"]:
            return [_PAIR.sub(r"\1_local AND \2_local", sql.rstrip()) + f" {everywhere}"]
        case ["SYSTEM", "SYNC"]:
            return [f"SYSTEM SYNC REPLICA {everywhere} {words[3]}_local"]
        case ["KILL", "QUERY"]:
            return [sql.replace("KILL QUERY", f"KILL QUERY {everywhere}", 1)]
        case _:
            return [sql]


def _made(sql: str, cluster: str) -> list[str]:
    """A table on every shard, and the Distributed table over them."""
    found = _MADE.match(sql)
    assert found is not None, "a table is made with CREATE TABLE IF NOT EXISTS"
    name = found[1]
    local = sql.replace(name, f"{name}_local ON CLUSTER '{cluster}'", 1)
    return [_ENGINE.sub(_replicated, local, count=1), _distributed(name, cluster, "CREATE TABLE IF NOT EXISTS")]


def _replicated(engine: re.Match[str]) -> str:
    place = "'/clickhouse/tables/{uuid}/{shard}', '{replica}'"
    return f"ENGINE = Replicated{engine[1]}({place}{', ' + engine[2] if engine[2] else ''})"


def _distributed(name: str, cluster: str, verb: str) -> str:
    key = {"schema_versions": "version", "switches": "number"}.get(name, "cityHash64(tenant)")
    return (
        f"{verb} {name} ON CLUSTER '{cluster}' AS {name}_local "
        f"ENGINE = Distributed('{cluster}', currentDatabase(), '{name}_local', {key})"
    )
