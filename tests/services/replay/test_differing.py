"""What differs between two ledgers decides what is asked of both: enough, and no more."""

import re
from collections.abc import Iterator

import pytest

from projections.question import Question
from services.journal.port import Cut
from services.replay.compare import movers, questions
from services.replay.differing import Differences, Statement, differences, statements, to_ask
from services.settings import Settings
from services.store.clickhouse import ClickHouseStore
from services.workspace import Workspace
from tests.services.replay.golden import told

EVERY = questions()
SOME = [one for one in EVERY if one.grain == "total"]
"""Each KPI as a whole."""


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """A simulated company."""
    with Workspace(Settings(data=tmp_path_factory.mktemp("differing"))) as opened:
        told(opened)
        opened.post_all()
        yield opened


def cut(workspace: Workspace) -> Cut:
    return workspace.store.read_checkpoint("default")


def changed(workspace: Workspace, measure: str, change: str) -> ClickHouseStore:
    """Another set of tables, with the lines of a measure changed."""
    beside = workspace.store.beside()
    for table in ("history", "checkpoints"):
        beside._command(f"INSERT INTO {{{table}}} SELECT * FROM {table}", {})
    name = change.split()[-1]
    expression = change.removesuffix(f" AS {name}")
    replaced = f"SELECT * REPLACE (if(measure = '{measure}', {expression}, {name}) AS {name})"
    beside._command(f"INSERT INTO {{postings}} {replaced} FROM postings", {})
    return beside


def found(workspace: Workspace, beside: ClickHouseStore) -> Differences:
    return differences(workspace.store.query, beside.query, "default", cut(workspace).position)


def reads(workspace: Workspace, one: Question) -> list[Statement] | None:
    return statements(workspace.books(), one, cut(workspace))


@pytest.mark.parametrize(
    ("measure", "change", "kpis"),
    [
        ("won", "amount * 2 AS amount", {"bookings", "revenue"}),
        ("pipeline", "until_ms + 86400000 AS until_ms", set()),
        ("touchpoint", "at_ms - 864000000 AS at_ms", {"sales_cycle_days"}),
        ("pipeline", "amount * 3 AS amount", {"pipeline_value"}),
        ("created", "line + 7 AS line", set()),
    ],
)
def test_what_is_not_asked_has_the_same_answers(
    workspace: Workspace, measure: str, change: str, kpis: set[str]
) -> None:
    beside = changed(workspace, measure, change)
    differ = found(workspace, beside)
    column = change.split()[-1]
    assert differ.columns == ({measure: {column}} if column != "line" else {})
    asked = to_ask(SOME, differ, lambda one: reads(workspace, one))
    both = workspace.books(), workspace.books(None, beside)
    rest = [one for one in SOME if one not in asked]
    if measure not in ("won", "pipeline"):
        assert len(asked) < len(SOME) / 2
    assert movers("default", *both, cut(workspace), rest, lambda: None) == []
    moved = {each.kpi for each in movers("default", *both, cut(workspace), asked, lambda: None)}
    assert kpis <= moved
    assert bool(asked) is bool(differ)


def test_a_line_too_many_is_in_all_columns_of_its_measure(workspace: Workspace) -> None:
    beside = changed(workspace, "won", "amount AS amount")
    beside._command(
        "INSERT INTO {postings} SELECT * REPLACE (1000000 AS line) FROM postings WHERE measure = 'won' LIMIT 1", {}
    )
    differ = found(workspace, beside)
    assert set(differ.columns) == {"won"}
    assert differ.columns["won"] >= {"amount", "count", "at_ms", "rep_id", "attributes"}


def test_columns_that_changed_places_are_not_taken_for_the_same(workspace: Workspace) -> None:
    """In each column the same stands at a position as before, but no more side by side."""
    beside = workspace.store.beside()
    two = "SELECT * FROM postings WHERE measure = 'won' ORDER BY position LIMIT 1"
    for store, regions in ((beside, ("E", "W")), (workspace.store.scratch(), ("W", "E"))):
        for line, (region, amount) in enumerate(zip(regions, (1, 2), strict=True)):
            store._command(
                f"INSERT INTO {{postings}} SELECT * REPLACE ({line} AS line, '{region}' AS region, {amount} AS amount) "
                f"FROM ({two})",
                {},
            )
    differ = differences(beside.query, store.query, "default", cut(workspace).position)
    workspace.store.drop_scratch()
    assert differ.columns["won"] >= {"region", "amount"}


def test_other_definitions_reach_every_answer(workspace: Workspace) -> None:
    beside = changed(workspace, "won", "amount AS amount")
    assert not found(workspace, beside)
    beside._command("ALTER TABLE {history} DELETE WHERE book = 'target' SETTINGS mutations_sync = 2", {})
    differ = found(workspace, beside)
    assert (differ.definitions, differ.columns) == (True, {})
    assert to_ask(SOME, differ, lambda one: None) == SOME


def test_every_statement_names_what_it_reads(workspace: Workspace) -> None:
    """Each time that it reads lines it says of which measures, and never all columns."""
    for one in EVERY:
        read = reads(workspace, one)
        assert read is not None
        assert read or one.kpi.scoped
        for sql, _ in read:
            (_, *after) = sql.split("{postings}")
            assert after
            assert all(re.search(r"measure (IN \(|= ')", each) for each in after), sql
            assert not re.search(r"SELECT \*[^()]*FROM \{postings\}", sql)
