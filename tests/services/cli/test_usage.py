"""Help, and everything that is refused: one sentence each, and the right exit code."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from services.cli.app import ERRORS, VERBS
from services.cli.reference import without_secrets
from services.cli.session import Verbs
from tests.services.cli.conftest import Run

BAD_USAGE = [
    (["nonsense"], "no verb of salestream; allowed: demo, ingest"),
    (["kpi"], "Missing argument 'ID'"),
    (["kpi", "bookings", "--nonsense"], "No such option"),
    (["kpi", "nonsense"], "kpi 'nonsense' is not known; allowed: bookings"),
    (["kpi", "bookings/nonsense"], "is not known; allowed: bookings"),
    (["kpi", "bookings", "--by", "nonsense"], "is no dimension of bookings; allowed: campaign"),
    (["kpi", "bookings", "--where", "nonsense"], "is no filter; allowed: dimension=value"),
    (["kpi", "bookings", "--where", "nonsense=1"], "is no dimension of bookings"),
    (["kpi", "bookings", "--grain", "decade"], "allowed: hour, day, week"),
    (["kpi", "bookings", "--grain", "hour", "--from", "1900", "--to", "2026"], "allowed: a coarser grain"),
    (["kpi", "bookings", "--from", "2026-12", "--to", "2026-11"], "is not before to '2026-11'"),
    (["kpi", "bookings", "--from", "yesterday"], "is no moment; allowed:"),
    (["kpi", "bookings", "--as-of", "2199-01-01"], "lies in the future; allowed: up to"),
    (["kpi", "bookings", "--as-of", "7"], "lies after the latest position; allowed: 0 to 0"),
    (["kpi", "bookings", "--as-of", "yesterday"], "is no moment and no position"),
    (["kpi", "bookings", "--currency", "XYZ"], "allowed: an ISO 4217 code"),
    (["kpi", "bookings", "--limit", "0"], "allowed: 1 or more"),
    (["kpi", "bookings", "--limit", "many"], "not a valid integer"),
    (["kpi", "bookings", "--order", "nonsense"], "allowed: period, value"),
    (["kpi", "bookings", "--where", "region=\udcff"], "where is not valid UTF-8"),
    (["explain", "bookings", "--grain", "day", "--from", "2026-01-01", "--to", "2026-01-03"], "names 2 cells"),
    (["history", "nonsense", "x"], "is no entity; allowed: lead, deal"),
    (["history", "deal"], "Missing argument 'ID'"),
    (["ingest"], "Missing argument"),
    (["ingest", "/no/such/file"], "does not exist"),
    (["ingest", "/"], "is a directory"),
    (["import"], "Missing argument"),
    (["schema", "nonsense"], "is no event type; allowed: lead.created"),
    (["replay", "--speed", "0"], "is no speed; allowed: 1x, 60x"),
    (["dead-letters"], "allowed: list, show, retry, discard"),
    (["dead-letters", "nonsense"], "no verb of salestream dead-letters; allowed: list"),
    (["dead-letters", "show", "nonsense"], "allowed: the number of a refused event"),
    (["dead-letters", "show", "7"], "there is no dead letter 7"),
    (["dead-letters", "show", "p7"], "no event is parked at position 7"),
    (["dead-letters", "retry", "7"], "there is no dead letter 7"),
    (["dead-letters", "discard", "p7"], "no event is parked at position 7"),
    (["digest", "--as-of", "7"], "lies after the latest position"),
    (["--lang", "fr", "kpis"], "'fr' is not one of 'en', 'zh'"),
    (["--tenant", "A B", "status"], "allowed: 1-64 characters"),
    (["demo", "--reps", "0"], "not in the range"),
    (["demo", "--seconds", "0"], "not in the range"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("args", "sentence"), BAD_USAGE, ids=lambda case: " ".join(case) if isinstance(case, list) else ""
)
def test_bad_usage_is_one_sentence_that_says_what_is_allowed(run: Run, args: list[str], sentence: str) -> None:
    ran = run(*args)

    assert sentence in ran.sentence
    assert (ran.code, ran.out) == (2, "")


@pytest.mark.parametrize("args", [args for args, _ in BAD_USAGE], ids=" ".join)
def test_bad_usage_is_told_in_chinese_too(run: Run, args: list[str]) -> None:
    ran = run("--lang", "zh", *args) if "--lang" not in args else run(*args, "--lang", "zh")

    assert re.search("[\u4e00-\u9fff]", ran.sentence)
    assert not re.search(r"\b(is|no|not|of|the|allowed|that)\b", re.sub(r"'[^']*'|: .*, .*", "", ran.sentence))
    assert ran.code == 2


def test_a_machine_that_asks_for_chinese_gets_it(run: Run) -> None:
    told = {"error": "limit 0 超出范围；允许：1 或更大"}

    assert run("--lang", "zh", "kpi", "bookings", "--limit", "0", "--json").json == told
    assert "out of range" in run("kpi", "bookings", "--limit", "0", "--json").json["error"]


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("SALESTREAM_CURRENCY", "XYZ", "allowed: an ISO 4217 code"),
        ("SALESTREAM_TIMEZONE", "Mars/Olympus", "is no time zone"),
        ("SALESTREAM_LANG", "fr", "'en' or 'zh'"),
        ("SALESTREAM_TENANT", "A B", "allowed: 1-64 characters"),
        ("SALESTREAM_HISTORY_EVENTS", "many", "SALESTREAM_HISTORY_EVENTS cannot be 'many'"),
        ("SALESTREAM_JOURNAL", "mysql://host", "allowed: sqlite:///path"),
        ("SALESTREAM_STORE", "clickhouse://me:secret@host", "allowed: clickhouse://"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(
    run: Run, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, sentence: str
) -> None:
    monkeypatch.setenv(variable, value)
    ran = run("status")

    assert sentence in ran.sentence
    assert ran.code == 2
    assert "secret" not in ran.err


def test_a_scenario_that_is_none_is_bad_usage(told: Run, tmp_path: Path) -> None:
    file = tmp_path / "s.yaml"
    for text, words in (
        ("colour: red", "a scenario has: name"),
        ("owners: {zoe: bo}", "nothing in the history is about"),
    ):
        file.write_text(text, "utf-8")
        ran = told("what-if", file, "bookings")
        assert (ran.code, words in ran.sentence) == (2, True)


def test_a_scenario_that_moves_nothing_says_so_in_a_sentence(told: Run, tmp_path: Path) -> None:
    file = tmp_path / "s.yaml"
    file.write_text("attribution: first", "utf-8")

    assert "\nNothing moved: no win has a contact up to it that" in told("what-if", file, "bookings").out
    assert (
        "\n没有任何变动：赢单之前没有任何注明渠道或活动的接触。"
        in told("what-if", file, "bookings", "--lang", "zh").out
    )


def test_an_error_is_told_to_machines_on_standard_output_too(run: Run) -> None:
    for args in (["--json", "nonsense"], ["kpi", "nonsense", "--json"], ["kpi", "bookings", "--csv", "--json"]):
        ran = run(*args)

        assert ran.json == {"error": ran.sentence}
        assert ran.code == 2


def test_options_stand_before_or_after_the_verb(told: Run) -> None:
    before, after = told("--json", "--lang", "zh", "kpi", "bookings"), told("kpi", "bookings", "--json", "--lang", "zh")

    assert before.json == after.json


def test_every_verb_has_help_that_starts_no_engine(run: Run, folder: Path) -> None:
    overview = run("--help")
    for verb in VERBS:
        ran = run(verb.name, "--help")
        assert ran.out.startswith(f"Usage: salestream {verb.name}")
        assert re.search(rf"^  {verb.name} +[A-Z].+\.$", overview.out, re.M), verb.name

    assert run().out == overview.out
    assert not folder.exists()


def test_looking_up_starts_no_engine(run: Run, folder: Path) -> None:
    for args in (["kpis"], ["schema"], ["schema", "deal.won"], ["settings"], ["--version"]):
        assert run(*args).code == 0

    assert not folder.exists()


@pytest.mark.parametrize("args", [["--help"], ["kpi", "--help"], ["schema"], ["kpis"], ["settings"]], ids=" ".join)
def test_help_and_looking_up_import_no_engine(args: list[str]) -> None:
    probe = (
        "import sys; from services.cli.app import main; main(sys.argv[1:]); "
        "sys.stderr.write(' '.join({'chdb', 'clickhouse_connect', 'pyarrow', 'faust'} & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", probe, *args], capture_output=True, text=True, check=True)

    assert ran.stderr == ""


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("services.cli.app", "KeyboardInterrupt"),
        ("services.books", "ImportError('the engine is not there')"),
        ("services.books", "ImportError('KeyboardInterrupt: <EMPTY MESSAGE>')"),
    ],
)
def test_ctrl_c_while_something_is_imported_is_no_mistake(name: str, error: str, folder: Path) -> None:
    """It may come as another error: what was to be imported is not there, or a native module says so in words."""
    probe = f"""
import sys
class Interrupted:
    def find_spec(self, name, path, target=None):
        if name == {name!r}:
            try:
                if "KeyboardInterrupt" not in {error!r}:
                    raise KeyboardInterrupt
            finally:
                raise {error}
sys.meta_path.insert(0, Interrupted())
from services.cli.start import main
sys.exit(main())
"""
    told = [sys.executable, "-c", probe, "--data", str(folder), "kpi", "bookings"]
    ran = subprocess.run(told, capture_output=True, text=True, check=False)

    assert (ran.returncode, "Traceback" in ran.stderr) == (130, False), ran.stderr


GROUPS = [verb.name for verb in VERBS if isinstance(verb, Verbs) and not verb.invoke_without_command]


@pytest.mark.parametrize("group", GROUPS)
def test_a_group_without_a_verb_says_which_there_are(run: Run, group: str) -> None:
    ran = run(group)
    assert ran.code == 2
    assert ran.sentence.startswith(f"salestream {group} needs a verb; allowed: ")
    assert f"salestream {group} 缺少动词；允许：" in run("--lang", "zh", group).err


def test_kpis_lists_the_catalogue(run: Run) -> None:
    listed = {each["kpi"]: each for each in run("kpis", "--json").json}

    assert listed["win_rate"]["zh"] == "赢单率"
    assert listed["win_rate"]["formula"] == "win_rate = won / (won + lost)"
    assert "region" in listed["win_rate"]["dimensions"]
    assert "赢单率" in run("kpis").out
    assert "期间内结束的商机中赢单的比例。" in run("kpis", "--lang", "zh").out


def test_schema_of_a_type_and_of_all(run: Run) -> None:
    of_one = run("schema", "deal.won").json

    assert of_one["properties"]["type"] == {"const": "deal.won"}
    assert run("schema", "--json").json["deal.won"] == of_one
    assert "deal.won" in run("schema").out


def test_settings_show_everything(run: Run, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setenv("SALESTREAM_TIMEZONE", "Asia/Shanghai")
    found = {each["env"]: each for each in run("settings", "--json").json}

    assert found["SALESTREAM_DATA"]["value"] == str(folder)
    assert found["SALESTREAM_LANG"] | {"value": "en", "type": "en or zh", "default": "en"} == found["SALESTREAM_LANG"]
    assert "Asia/Shanghai" in run("settings").out


def test_a_password_is_never_shown() -> None:
    assert without_secrets("clickhouse://me:p@ss/word@host:8123/db") == "clickhouse://me:***@host:8123/db"
    assert without_secrets("sqlite:////data/journal.sqlite") == "sqlite:////data/journal.sqlite"


def test_every_error_has_its_class() -> None:
    for place in ERRORS:
        module, _, name = place.partition(":")
        probe = f"from {module} import {name}; assert issubclass({name}, Exception)"
        subprocess.run([sys.executable, "-c", probe], check=True)


def test_a_terminal_without_chinese_gets_escapes(run: Run) -> None:
    probe = "import sys; from services.cli.app import main; sys.exit(main(['kpis', '--json']))"
    ran = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, check=False, env={"PYTHONIOENCODING": "ascii"}
    )

    assert (ran.returncode, ran.stderr) == (0, b"")
    assert json.loads(ran.stdout)[0]["kpi"] == "bookings"
