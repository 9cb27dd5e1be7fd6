"""DuckDB: ``python -m benchmarks.peers.duck EVENTS.parquet ROUNDS``, made from ``duck.lock``."""

import json
import sys

import duckdb  # type: ignore[import-not-found,unused-ignore]

from benchmarks.peers.plain_sql import asked


def main(path: str, rounds: str) -> None:
    """Put the events into a table of DuckDB's own, in memory, and print what ``asked`` gives."""
    connection = duckdb.connect()
    connection.execute("CREATE TABLE events AS SELECT * FROM read_parquet(?)", [path])
    print(json.dumps(asked(lambda sql: connection.execute(sql).fetchall(), int(rounds))))


if __name__ == "__main__":
    main(*sys.argv[1:])
