"""The statements of a cluster: as text, for there is none here. The engine reads every one of them."""

from collections.abc import Mapping
from typing import Any

import pytest

from services.store.cluster import on_cluster
from services.store.columns import postings_table
from services.store.server import ServerStore, open_server
from tests.clickhouse.running import RunningServer
from tests.services.store.taking_over import write
from tests.services.store.telling import applied, line

CREATE = """CREATE TABLE IF NOT EXISTS checkpoints
(
    tenant LowCardinality(String),
    position UInt64
)
ENGINE = ReplacingMergeTree(position)
ORDER BY tenant
SETTINGS max_suspicious_broken_parts = 0"""

PLACE = "'/clickhouse/tables/{uuid}/{shard}', '{replica}'"


def test_a_table_is_replicated_on_each_shard_and_distributed_by_tenant() -> None:
    local, distributed = on_cluster(CREATE, "sales")
    assert local.splitlines()[0] == "CREATE TABLE IF NOT EXISTS checkpoints_local ON CLUSTER 'sales'"
    assert local.splitlines()[1:5] == CREATE.splitlines()[1:5]
    assert local.splitlines()[5:] == [
        f"ENGINE = ReplicatedReplacingMergeTree({PLACE}, position)",
        "ORDER BY tenant",
        "SETTINGS max_suspicious_broken_parts = 0",
    ]
    assert distributed == (
        "CREATE TABLE IF NOT EXISTS checkpoints ON CLUSTER 'sales' AS checkpoints_local "
        "ENGINE = Distributed('sales', currentDatabase(), 'checkpoints_local', cityHash64(tenant))"
    )


@pytest.mark.parametrize(
    ("sql", "statements"),
    [
        (
            "ALTER TABLE postings DELETE WHERE tenant = 'postings'",
            ["ALTER TABLE postings_local ON CLUSTER 'c' DELETE WHERE tenant = 'postings'"],
        ),
        (
            "ALTER TABLE checkpoints_next\n    ADD COLUMN epoch UInt64",
            [
                "ALTER TABLE checkpoints_next_local ON CLUSTER 'c'\n    ADD COLUMN epoch UInt64",
                "CREATE OR REPLACE TABLE checkpoints_next ON CLUSTER 'c' AS checkpoints_next_local "
                "ENGINE = Distributed('c', currentDatabase(), 'checkpoints_next_local', cityHash64(tenant))",
            ],
        ),
        (
            "DROP TABLE IF EXISTS history_next SYNC",
            [
                "DROP TABLE IF EXISTS history_next ON CLUSTER 'c' SYNC",
                "DROP TABLE IF EXISTS history_next_local ON CLUSTER 'c' SYNC",
            ],
        ),
        (
            "EXCHANGE TABLES postings AND postings_next, history AND history_next",
            [
                "EXCHANGE TABLES postings_local AND postings_next_local, history_local AND history_next_local "
                "ON CLUSTER 'c'"
            ],
        ),
        ("OPTIMIZE TABLE postings FINAL", ["OPTIMIZE TABLE postings_local ON CLUSTER 'c' FINAL"]),
        ("KILL QUERY WHERE 1 SYNC", ["KILL QUERY ON CLUSTER 'c' WHERE 1 SYNC"]),
        ("SYSTEM SYNC REPLICA checkpoints", ["SYSTEM SYNC REPLICA ON CLUSTER 'c' checkpoints_local"]),
        ("SELECT 1", ["SELECT 1"]),
    ],
)
def test_what_changes_a_table_goes_to_every_shard(sql: str, statements: list[str]) -> None:
    assert on_cluster(sql, "c") == statements


def test_the_engine_reads_every_statement_that_a_store_makes(
    server_store: ServerStore, tenant: str, clickhouse: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    command = ServerStore._command

    def noting(self: ServerStore, sql: str, parameters: Mapping[str, Any]) -> None:
        told.append(self._named(sql))
        command(self, sql, parameters)

    monkeypatch.setattr(ServerStore, "_command", noting)
    store = open_server(clickhouse.url.replace("/salestream", "/elsewhere"))
    write(store, tenant, 1)
    store._put(tenant, "postings", postings_table(tenant, [line(2)]), "broken off")
    store.recover(tenant)
    store.write(tenant, [applied(2, tenant=tenant, parked="no")], [])
    store.unpark(tenant, [applied(2, tenant=tenant)], [line(2)])
    store.hold()
    store.switch(store.beside())
    store.close()
    told += ["OPTIMIZE TABLE postings FINAL", "KILL QUERY WHERE 1 SYNC", "SYSTEM SYNC REPLICA checkpoints"]

    seen = {sql.split()[0] for sql in told}
    assert seen == {"CREATE", "ALTER", "DROP", "EXCHANGE", "INSERT", "OPTIMIZE", "KILL", "SYSTEM"}
    for sql in told:
        if sql.startswith("INSERT"):
            continue
        for statement in on_cluster(sql, "sales"):
            assert "ON CLUSTER" in statement
            ((read,),) = server_store.query(f"SELECT formatQuery('{_quoted(statement)}')", {})
            assert "sales" in read


def _quoted(sql: str) -> str:
    return sql.replace("\\", "\\\\").replace("'", "\\'")
