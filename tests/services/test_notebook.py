"""The books in a notebook: the same answers from a folder and over HTTP, as rows and Arrow."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from projections.question import BadQuestion
from services.notebook import Notebook, NotebookError
from services.store.port import StoreError
from services.workspace import WorkspaceError
from tests.services.cli.conftest import SEPTEMBER
from tests.services.gateway.test_serve import served, shell

pytestmark = pytest.mark.e2e
KINDS = ("folder", "http")


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a small company."""
    folder = tmp_path_factory.mktemp("notebook")
    (folder / "events.jsonl").write_bytes(SEPTEMBER)
    assert shell("--data", folder / "data", "ingest", folder / "events.jsonl").code == 0
    return folder / "data"


@pytest.fixture(scope="module", params=KINDS)
def books(request: pytest.FixtureRequest, told: Path) -> Iterator[Notebook]:
    if request.param == "folder":
        with Notebook(told) as books:
            yield books
        return
    key = json.loads(shell("--data", told, "--json", "keys", "create", "--scope", "read").out)["key"]
    with served(told) as house:
        yield Notebook(house.told["address"], key=key)


def test_rows_have_their_types(books: Notebook) -> None:
    answer = books.kpi("bookings", by="region", grain="month", from_="2026-09", to="2026-10", where=["region=华东"])
    assert answer.rows == [
        {
            "period": "2026-09",
            "region": "华东",
            "value": Decimal("11500.00"),
            "bookings": Decimal("11500.00"),
            "reason": None,
        }
    ]
    assert answer.value == Decimal("11500.00")
    assert answer.arrow().to_pylist() == answer.rows
    assert answer.told["cut"]["position"] == 5
    assert answer.told["laws"] == {"hold": True, "position": 5, "broken": []}
    assert books.kpi("win_rate/created", as_of="4").told["question"]["as_of"] == "4"


def test_positions_are_numbers_and_the_rest_is_one_row(books: Notebook) -> None:
    assert books.kpi("bookings", as_of=4).told == books.kpi("bookings", as_of="4").told
    known = {"from_": "2026-09", "to": "2026-10"}
    assert books.changes("bookings", known_from=2, known_to=4, **known) == books.changes(
        "bookings", known_from="2", known_to="4", **known
    )
    assert books.kpi("bookings", by="deal", limit=1, rest=True).told["question"]["rest"] is True


def test_receipts_changes_and_histories(books: Notebook) -> None:
    september: dict[str, Any] = {"from_": "2026-09", "to": "2026-10"}
    roles = [(row["id"], row["role"], row["bookings"]) for row in books.explain("bookings", **september).rows]
    assert ("2", "counted", Decimal("11500.00")) in roles
    assert ("3", "excluded", None) in roles
    one = [row for page in books.pages("bookings", page_size=1, **september) for row in page.rows]
    assert sorted((row["id"], row["role"], row["bookings"]) for row in one) == sorted(roles)
    first = books.explain("bookings", page_size=1, **september).told
    assert books.explain("bookings", after=first["next"], as_of=first["cut"]["position"], **september).rows == one[1:]
    assert books.changes("bookings", known_from="2026-10-01", **september)["difference"] == "-8000.00"
    assert [event["id"] for event in books.history("deal", "D-1")["events"]] == ["1", "2"]


def test_what_cannot_be_asked_says_what_is_allowed(books: Notebook) -> None:
    with pytest.raises(BadQuestion, match=r"^kpi 'turnover' is not known; allowed: bookings"):
        books.kpi("turnover")
    with pytest.raises(BadQuestion, match=r"^colour is no part of a question; allowed: by, where, grain, from_"):
        books.kpi("bookings", colour="red")
    with pytest.raises(BadQuestion, match=r"^as_of 99 lies after the latest position"):
        books.kpi("bookings", as_of="99")
    with pytest.raises(ValueError, match=r"has 2 rows; allowed: one, or \.rows"):
        _ = books.kpi("bookings", by="region", as_of="4").value


def test_dates_years_and_mappings_say_the_same_as_texts(books: Notebook) -> None:
    told = books.kpi("bookings", from_="2026", to="2026-09-25", where=["region=华东", "region=西"]).told
    assert books.kpi("bookings", from_=2026, to=date(2026, 9, 25), where={"region": ["华东", "西"]}).told == told
    one = books.kpi("bookings", from_="2026", where="region=华东").value
    assert books.kpi("bookings", from_=datetime(2026, 1, 1, tzinfo=UTC), where={"region": "华东"}).value == one


OF_ANOTHER_KIND: list[tuple[dict[str, Any], str]] = [
    ({"by": 5}, "by 5 is of another kind; allowed: a text, or several"),
    ({"by": ["region", None]}, "by None is of another kind; allowed: a text"),
    ({"where": {"region": 5}}, "where 5 is of another kind; allowed: a text, or several"),
    ({"from_": 1.5}, "from_ 1.5 is of another kind; allowed: a text, a date or a year"),
    ({"limit": "3"}, "limit '3' is of another kind; allowed: a whole number"),
    ({"limit": True}, "limit True is of another kind; allowed: a whole number"),
    ({"rest": "yes"}, "rest 'yes' is of another kind; allowed: True or False"),
    ({"grain": None}, "grain None is of another kind; allowed: a text"),
    ({"from_": datetime(2026, 1, 1)}, "from '2026-01-01T00:00:00' is no moment; allowed: "),  # noqa: DTZ001
]


def test_what_is_of_another_kind_says_what_is_allowed(books: Notebook) -> None:
    for told, sentence in OF_ANOTHER_KIND:
        with pytest.raises(BadQuestion, match=f"^{re.escape(sentence)}"):
            books.kpi("bookings", **told)


def test_several_cells_and_no_entity_are_refused(books: Notebook) -> None:
    with pytest.raises(BadQuestion, match=r"^by makes several cells; allowed: one, narrowed by where"):
        books.changes("bookings", known_from=0, by="region")
    with pytest.raises(BadQuestion, match=r"^entity 'foo' is no entity; allowed: lead, deal"):
        books.history("foo", "1")


def test_a_notebook_shows_a_table_and_no_markup_of_others(books: Notebook) -> None:
    shown = books.kpi("deals_lost", by="attributes.<b>")._repr_html_()
    assert "<th>attributes.&lt;b&gt;</th>" in shown
    assert "<caption>deals_lost: 1 rows, as known at position 5</caption>" in shown


def test_sql_is_asked_of_the_views_and_changes_nothing(books: Notebook, request: pytest.FixtureRequest) -> None:
    asked = "SELECT deal_id, status, amount FROM mart_deals ORDER BY deal_id"
    if "http" in request.node.callspec.id:
        with pytest.raises(NotebookError, match="SQL is for those who have the store"):
            books.sql(asked)
        return
    assert books.sql(asked).rows == [
        {"deal_id": "D-1", "status": "won", "amount": Decimal("11500.0000")},
        {"deal_id": "D-3", "status": "lost", "amount": Decimal("0.0000")},
    ]
    assert books.sql(asked).arrow().num_rows == 2
    for bad in ("DROP TABLE postings", "SELECT nothing", "INSERT INTO checkpoints (tenant) VALUES ('x')"):
        with pytest.raises(StoreError, match="the store could not answer"):
            books.sql(bad)
    assert books.kpi("bookings").value == Decimal("11500.00")


def test_pandas_is_asked_for_by_name_where_it_is_missing(books: Notebook, monkeypatch: pytest.MonkeyPatch) -> None:
    books.kpi("bookings").arrow()  # the first array of a process looks for pandas
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(NotebookError, match="pandas is not installed; allowed: pip install pandas"):
        books.kpi("bookings").pandas()


def _copy(told: Path, to: Path) -> None:
    """The folder without its ledger, which is made anew."""
    shutil.copytree(told, to, ignore=shutil.ignore_patterns("store", "lock", "control.json"))


def test_a_past_moment_is_opened_as_a_whole(told: Path, tmp_path: Path) -> None:
    past = tmp_path / "past"
    _copy(told, past)
    with Notebook(past) as now:
        known = now.kpi("bookings", as_of=2).told
        changed = now.changes("bookings", known_from=0, known_to=2)
    for as_of in (2, "2"):
        with Notebook(past, as_of=as_of) as then:
            assert then.kpi("bookings").told["cut"] == known["cut"]
            assert then.kpi("bookings").told["rows"] == known["rows"]
            assert then.changes("bookings", known_from=0)["after"] == changed["after"]
            with pytest.raises(BadQuestion, match="3 lies after the latest position; allowed: 0 to 2"):
                then.kpi("bookings", as_of=3)
    with pytest.raises(BadQuestion, match="lies after the latest position"):
        Notebook(past, as_of=99)
    with pytest.raises(NotebookError, match="as_of is for a data folder"):
        Notebook("http://localhost:1", as_of=2)


def test_two_folders_at_a_time_are_a_sentence(told: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    _copy(told, first)
    _copy(told, second)
    with Notebook(first), pytest.raises(StoreError, match="this process has that of another folder open; close that"):
        Notebook(second)
    with Notebook(second) as books:
        assert books.kpi("bookings").rows


def test_books_that_were_closed_and_a_folder_that_is_not_there_are_sentences(told: Path, tmp_path: Path) -> None:
    _copy(told, tmp_path / "copy")
    books = Notebook(tmp_path / "copy")
    books.close()
    books.close()
    for ask in (lambda: books.kpi("bookings"), lambda: books.sql("SELECT 1"), lambda: books.history("deal", "D-1")):
        with pytest.raises(NotebookError, match="these books were closed; open them anew"):
            ask()
    with pytest.raises(NotebookError, match=r"there is no folder .*nowhere; allowed: "):
        Notebook(tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()


def test_a_folder_in_use_and_an_address_without_a_gateway_are_sentences(tmp_path: Path) -> None:
    with Notebook(tmp_path), pytest.raises(WorkspaceError, match="is in use by process"):
        Notebook(tmp_path)
    with pytest.raises(NotebookError, match=r"cannot be asked: .*; is `salestream serve` there"):
        Notebook("http://127.0.0.1:1").kpi("bookings")


@pytest.fixture(scope="module")
def spoilt(told: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same folder, of whose ledger a line was deleted."""
    folder = tmp_path_factory.mktemp("spoilt") / "data"
    _copy(told, folder)
    spoil = """
import sys
from pathlib import Path
from services.settings import Settings
from services.workspace import Workspace

with Workspace(Settings(data=Path(sys.argv[1]))) as workspace:
    workspace.post_all()
    workspace.store._command("ALTER TABLE postings DELETE WHERE measure = 'won' SETTINGS mutations_sync = 2", {})
"""
    subprocess.run([sys.executable, "-c", spoil, folder], check=True)
    return folder


def test_a_line_that_is_lost_is_said_by_every_answer_of_a_folder(spoilt: Path) -> None:
    with Notebook(spoilt) as books:
        answers = books.kpi("bookings"), books.explain("bookings")
        changed = books.changes("bookings", known_from=2)
    for told in (*(answer.told for answer in answers), changed):
        assert told["laws"]["hold"] is False
        assert "lines_are_all_there" in told["laws"]["broken"]
    for answer in answers:
        assert "the laws of the ledger do not hold (" in answer._repr_html_()


def test_a_line_that_is_lost_is_said_by_every_answer_over_http(spoilt: Path) -> None:
    key = json.loads(shell("--data", spoilt, "--json", "keys", "create", "--scope", "read").out)["key"]
    with served(spoilt) as house:
        books = Notebook(house.told["address"], key=key)
        told = [books.kpi("bookings").told, books.explain("bookings").told, books.changes("bookings", known_from=2)]
        house.http.headers["Authorization"] = f"Bearer {key}"
        paths = ("bookings", "bookings?page_size=1", "bookings/explain", "bookings/changes?known_from=2")
        told += [house.http.get(f"/api/kpis/{path}").json() for path in paths]
        status = house.http.get("/api/status").json()
    for each in told:
        assert each["laws"]["hold"] is False
        assert "lines_are_all_there" in each["laws"]["broken"]
    assert status["laws_hold"] is False
    assert "holds" not in status["laws"]["lines_are_all_there"]
