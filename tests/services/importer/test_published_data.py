"""Published data sets, imported and asked through the command line, against answers that others computed.

Nobody who wrote Salestream made the data, and their answers come from plain data-frame code. They lie beside the
checkout in ``../shared/data``, or where ``SALESTREAM_SHARED_DATA`` says; they are no part of the project.
"""

import csv
import json
import os
import subprocess
import sys
from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from services.cli.app import main

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[3]
# Read here, for no test sees a setting from outside.
SHARED = Path(os.environ.get("SALESTREAM_SHARED_DATA") or ROOT.parent / "shared" / "data")
SALESTREAM = Path(sys.executable).with_name("salestream")

CLOSE_ENOUGH = (
    ("win_rate", "win_rate_closed", 4),
    ("win_rate/created", "win_rate_all", 4),
    ("sales_cycle_days", "cycle_won", 3),
)
"""Ratios and days: the KPI, its name in the reference, and to how many digits it is given there."""


def published(name: str) -> Path:
    """The folder of a data set. Where there is none the test is skipped, but in CI it fails."""
    folder = SHARED / name
    if not folder.is_dir():
        message = (
            f"{folder} is not there: put the published data sets beside the checkout, or set SALESTREAM_SHARED_DATA"
        )
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return folder


def reference(name: str, file: str = "reference.json") -> Any:
    """The answers that came with a data set."""
    return json.loads((published(name) / file).read_text("utf-8"))


def imported(name: str, file: str, folder: Path) -> tuple[Path, dict[str, Any]]:
    """A data folder into which a data set was imported, in a process of its own, and what was said about it."""
    data = folder / "data"
    mapping = ROOT / "examples" / "mappings" / f"{name}.yaml"
    command = [SALESTREAM, "--data", data, "import", name, published(name) / file, "--mapping", mapping, "--json"]
    ran = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=300, check=False)
    assert ran.returncode == 0, ran.stderr
    return data, json.loads(ran.stdout)


class Asker:
    """Asks KPIs of one data folder, as ``salestream kpi … --json`` does."""

    def __init__(self, data: Path, capfd: pytest.CaptureFixture[str]) -> None:
        self._data = data
        self._capfd = capfd

    def rows(self, kpi: str, *options: str) -> list[dict[str, Any]]:
        """The rows of an answer."""
        self._capfd.readouterr()
        code = main(["--data", str(self._data), "kpi", kpi, "--json", *options])
        out, err = self._capfd.readouterr()
        assert code == 0, err
        rows: list[dict[str, Any]] = json.loads(out)["rows"]
        return rows

    def value(self, kpi: str, *options: str) -> Any:
        """The value of an answer with one row."""
        (row,) = self.rows(kpi, *options)
        return row["value"]

    def by(self, dimension: str, kpi: str, *options: str) -> dict[str, Any]:
        """The values by one dimension."""
        return {row[dimension]: row["value"] for row in self.rows(kpi, "--by", dimension, *options)}

    def per(self, grain: str, kpi: str, *options: str) -> dict[str, Any]:
        """The values by period."""
        return {row["period"]: row["value"] for row in self.rows(kpi, "--grain", grain, *options)}


def money(number: float | int | str) -> str:
    """An amount of a reference, as an answer writes it."""
    return f"{Decimal(str(number)):.2f}"


@pytest.fixture(scope="module")
def maven(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """Maven Analytics' CRM: 8,800 opportunities."""
    return imported("maven_crm", "sales_pipeline.csv", tmp_path_factory.mktemp("maven"))


@pytest.fixture(scope="module")
def adventureworks(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """AdventureWorks: 57,851 order lines."""
    return imported("adventureworks", "FactResellerSales.csv", tmp_path_factory.mktemp("adventureworks"))


@pytest.fixture(scope="module")
def northwind(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """Northwind: 830 orders."""
    return imported("northwind", "order_details.csv", tmp_path_factory.mktemp("northwind"))


class TestMaven:
    """Bookings, win rate, sales cycle and pipeline of a company that sells hardware."""

    @pytest.fixture
    def ask(self, maven: tuple[Path, dict[str, Any]], capfd: pytest.CaptureFixture[str]) -> Asker:
        return Asker(maven[0], capfd)

    def test_every_line_is_told(self, maven: tuple[Path, dict[str, Any]]) -> None:
        # Calendar, pipeline, 35 reps; creation of all deals, move of all but 500, and the end of 6,711.
        assert maven[1]["accepted"] == 2 + 35 + 8800 + 8300 + 4238 + 2473
        assert (maven[1]["duplicates"], maven[1]["refused"]) == (0, [])

    def test_told_again_nothing_changes(self, maven: tuple[Path, dict[str, Any]]) -> None:
        _, report = imported("maven_crm", "sales_pipeline.csv", maven[0].parent)
        assert (report["accepted"], report["duplicates"]) == (0, maven[1]["accepted"])

    def test_deals_by_how_they_stand(self, ask: Asker) -> None:
        assert (ask.value("deals_won"), ask.value("deals_lost")) == (4238, 2473)
        assert ask.by("stage", "open_deals") == {"Engaging": 1589, "Prospecting": 500}

    def test_bookings(self, ask: Asker) -> None:
        year = "--from", "2017", "--to", "2018"
        assert ask.value("bookings", *year) == "10005534.00"
        assert ask.per("quarter", "bookings", *year) == {
            "2017-Q1": "1134672.00", "2017-Q2": "3086111.00", "2017-Q3": "2982255.00", "2017-Q4": "2802496.00",
        }  # fmt: skip
        assert ask.by("region", "bookings") == {
            "Central": "3346293.00", "East": "3090594.00", "West": "3568647.00",
        }  # fmt: skip

    @pytest.mark.parametrize(
        ("dimension", "key"),
        [("product", "product"), ("rep_id", "agent"), ("manager_id", "manager"), ("region", "region")],
    )
    def test_every_part_of_the_company(self, ask: Asker, dimension: str, key: str) -> None:
        expected = {each["k"]: each for each in reference("maven_crm")[key]}
        for kpi, name in (("deals_won", "won"), ("deals_lost", "lost"), ("bookings", "revenue")):
            found = ask.by(dimension, kpi)
            wanted = {part: money(each[name]) if name == "revenue" else each[name] for part, each in expected.items()}
            assert found == wanted
        for kpi, name, digits in CLOSE_ENOUGH:
            found = ask.by(dimension, kpi)
            assert {part: found[part] for part in expected} == {
                part: pytest.approx(each[name], rel=0, abs=0.500001 / 10**digits) for part, each in expected.items()
            }

    def test_every_month(self, ask: Asker) -> None:
        found = ask.per("month", "bookings", "--from", "2017-03", "--to", "2018")
        assert found == {each["k"]: money(each["revenue"]) for each in reference("maven_crm")["close_month"]}

    def test_win_rates(self, ask: Asker) -> None:
        assert round(ask.value("win_rate"), 4) == 0.6315
        assert round(ask.value("win_rate/created"), 4) == 0.4816
        assert {region: round(rate, 4) for region, rate in ask.by("region", "win_rate").items()} == {
            "Central": 0.6256, "East": 0.6302, "West": 0.6394,
        }  # fmt: skip

    def test_sales_cycle(self, ask: Asker) -> None:
        assert round(ask.value("sales_cycle_days"), 3) == 51.782
        assert ask.value("sales_cycle_days/median") == 57

    def test_open_pipeline_at_list_price(self, ask: Asker) -> None:
        assert ask.value("pipeline_value") == "4966215.00"
        assert ask.by("stage", "pipeline_value") == {"Engaging": "3892229.00", "Prospecting": "1073986.00"}

    def test_first_and_last_of_the_reps(self, ask: Asker) -> None:
        reps = list(ask.by("rep_id", "bookings", "--order=-value").items())
        assert reps[0] == ("Darcel Schlecht", "1153214.00")
        assert [rep for rep in reps if Decimal(rep[1])][-1] == ("Violet Mclelland", "123431.00")
        one = "--where", "rep_id=Darcel Schlecht"
        assert (ask.value("deals_won", *one), ask.value("deals_lost", *one)) == (349, 204)


class TestAdventureWorks:
    """Revenue and gross profit of a maker of bicycles, by order lines with cost."""

    @pytest.fixture
    def ask(self, adventureworks: tuple[Path, dict[str, Any]], capfd: pytest.CaptureFixture[str]) -> Asker:
        return Asker(adventureworks[0], capfd)

    def test_lines_become_orders(self, adventureworks: tuple[Path, dict[str, Any]]) -> None:
        # A calendar, 163 quotas, and the 57,851 lines of 3,616 orders.
        assert adventureworks[1]["accepted"] == 1 + 163 + 3616
        assert (adventureworks[1]["duplicates"], adventureworks[1]["refused"]) == (0, [])

    def test_revenue_and_gross_profit_to_the_cent(self, ask: Asker) -> None:
        assert ask.value("revenue") == "77548570.20"
        assert ask.value("gross_profit") == "999494.57"
        assert ask.value("new_customers") == reference("adventureworks")["all"][0]["resellers"]

    def test_every_year(self, ask: Asker) -> None:
        years = reference("adventureworks")["year"]
        assert ask.per("year", "revenue") == {str(each["k"]): money(each["sales"]) for each in years}
        assert ask.per("year", "gross_profit") == {str(each["k"]): money(each["margin"]) for each in years}

    def test_every_sales_person(self, ask: Asker) -> None:
        people = reference("adventureworks")["emp"]
        assert ask.by("rep_id", "revenue") == {each["k"]: money(each["sales"]) for each in people}

    def test_every_quarter(self, ask: Asker) -> None:
        quarters = reference("adventureworks", "reference_quota.json")["by_quarter"]
        found = ask.per("quarter", "revenue", "--from", "2017-Q3", "--to", "2020-Q3")
        assert found == {
            f"{each['quarter'][:4]}-{each['quarter'][4:]}": money(round(each["sales"], 2)) for each in quarters
        }

    def test_every_quarter_of_every_sales_person(self, ask: Asker) -> None:
        with (published("adventureworks") / "quota_attainment_reference.csv").open(
            encoding="utf-8", newline=""
        ) as file:
            expected = {
                (each["Name"], f"{each['quarter'][:4]}-{each['quarter'][4:]}"): f"{float(each['SalesAmount']):.2f}"
                for each in csv.DictReader(file)
            }
        rows = ask.rows("revenue", "--by", "rep_id", "--grain", "quarter", "--from", "2017-Q3", "--to", "2020-Q3")
        found = {(row["rep_id"], row["period"]): row["value"] for row in rows}
        assert {place: found[place] for place in expected} == expected

    def test_quota_attainment_of_every_quarter_of_every_sales_person(self, ask: Asker) -> None:
        table = published("adventureworks") / "quota_attainment_reference.csv"
        with table.open(encoding="utf-8", newline="") as file:
            expected = {
                (each["Name"], f"{each['quarter'][:4]}-{each['quarter'][4:]}"): round(float(each["att"]), 6)
                for each in csv.DictReader(file)
            }
        rows = ask.rows("quota_attainment", "--by", "rep_id", "--grain", "quarter")
        known = [row for row in rows if row["value"] is not None]
        assert {row["kpi"] for row in rows} == {"revenue"}
        assert {(row["rep_id"], row["period"]): round(row["value"], 6) for row in known} == expected
        assert (len(known), sum(row["value"] >= 1 for row in known)) == (163, 9)
        sold, aimed = (sum(Decimal(row["parts"][name]) for row in known) for name in ("actual", "target"))
        assert round(sold / aimed, 4) == Decimal("0.8102")


class TestNorthwind:
    """Net revenue of a grocer: prices and discounts that do not come out in whole cents."""

    @pytest.fixture
    def ask(self, northwind: tuple[Path, dict[str, Any]], capfd: pytest.CaptureFixture[str]) -> Asker:
        return Asker(northwind[0], capfd)

    def test_lines_become_orders(self, northwind: tuple[Path, dict[str, Any]]) -> None:
        # A calendar, 91 customers, and the 2,155 lines of 830 orders.
        assert northwind[1]["accepted"] == 1 + 91 + 830
        assert (northwind[1]["duplicates"], northwind[1]["refused"]) == (0, [])

    def test_revenue_to_the_cent(self, ask: Asker) -> None:
        assert ask.value("revenue") == "1265793.04"
        assert ask.value("new_customers") == reference("northwind")["all"][0]["cust"]

    def test_every_employee_to_the_cent(self, ask: Asker) -> None:
        people = reference("northwind")["employee"]
        assert ask.by("rep_id", "revenue") == {each["k"]: money(each["net"]) for each in people}

    def test_every_year_within_a_cent(self, ask: Asker) -> None:
        """The orders of an employee add up exactly; those of a year but for what nine people carry over New Year."""
        found = ask.per("year", "revenue")
        expected = {each["k"]: Decimal(money(each["net"])) for each in reference("northwind")["year"]}
        assert found.keys() == expected.keys()
        assert all(abs(Decimal(found[year]) - expected[year]) <= Decimal("0.01") for year in expected)

    def test_rounding_each_order_or_line_on_its_own_would_not_add_up(self) -> None:
        """Why the mapping carries: what orders of whole cents would come to, either way."""
        cent = Decimal("0.01")
        orders: defaultdict[str, Decimal] = defaultdict(Decimal)
        lines = Decimal(0)
        with (published("northwind") / "order_details.csv").open(encoding="utf-8", newline="") as file:
            for each in csv.DictReader(file):
                amount = Decimal(each["unit_price"]) * Decimal(each["quantity"]) * (1 - Decimal(each["discount"]))
                orders[each["order_id"]] += amount
                lines += amount.quantize(cent)
        exact = sum(orders.values(), Decimal(0))
        assert exact.quantize(cent) == Decimal("1265793.04")
        assert sum(amount.quantize(cent) for amount in orders.values()) == Decimal("1265792.98")
        assert lines == Decimal("1265792.93")


def test_where_the_data_is_missing_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="is not there: put the published data sets beside the checkout"):
        published("no such data set")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="SALESTREAM_SHARED_DATA"):
        published("no such data set")
