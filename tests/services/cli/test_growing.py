"""A company outgrows its machine: its journal goes to Kafka, and its books stay the same."""

import json
import uuid
from pathlib import Path
from typing import Any

import pytest

from events import samples
from events.deals import DealWon
from services.cli.app import main
from tests.kafka.broker import Kafka
from tests.kafka.topics import make

Run = Any


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command and gives its code and what it says to machines."""

    def running(*args: str) -> tuple[int, Any]:
        code = main([*args, "--json"])
        return code, json.loads(capsys.readouterr().out)

    return running


def export(path: Path, count: int) -> str:
    """A file of events, the last of which is none."""
    told = [samples.told(samples.sample(DealWon, deal_id=f"D-{n}"), id=f"{n}", source="/crm") for n in range(count)]
    path.write_text("".join(json.dumps(each) + "\n" for each in told) + "{}\n", encoding="utf-8")
    return str(path)


def test_the_books_are_the_same_on_kafka_and_back(
    kafka: Kafka, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there, back = (str(tmp_path / name) for name in ("here", "there", "back"))
    prefix = f"grow-{uuid.uuid4().hex[:8]}"
    make(kafka, prefix)
    monkeypatch.setenv("SALESTREAM_KAFKA_PREFIX", prefix)
    monkeypatch.setenv("SALESTREAM_KAFKA_PARTITIONS", "3")
    assert run("ingest", export(tmp_path / "events.jsonl", 30), "--data", here)[0] == 3
    _, before = run("digest", "--data", here)

    code, moved = run("move", "--from", f"sqlite:///{here}/journal.sqlite", "--to", kafka.url)

    assert (code, moved["same"]) == (0, True)
    assert [(each["position"], each["moved"], each["refused"]) for each in moved["tenants"]] == [(30, 30, 1)]
    assert run("move", "--from", f"sqlite:///{here}/journal.sqlite", "--to", kafka.url)[1]["tenants"][0]["moved"] == 0
    with monkeypatch.context() as on_kafka:
        on_kafka.setenv("SALESTREAM_JOURNAL", kafka.url)
        on_kafka.setenv("SALESTREAM_SUBJECT_KEYS", f"sqlite://{here}/subjects.sqlite")
        assert run("digest", "--data", there) == (0, before)
        assert run("verify", "--data", there)[0] == 0
        assert len(run("dead-letters", "list", "--data", there)[1]["refused"]) == 1
        report = run("ingest", export(tmp_path / "more.jsonl", 40), "--data", there)[1]
        assert (report["accepted"], report["duplicates"]) == (10, 30)
        _, after = run("digest", "--data", there)
        _, status = run("status", "--data", there)
        assert (status["tenants"][0]["told"], status["tenants"][0]["accepted"]) == (72, 40)
        assert status["tenants"][0]["identity_holds"]
    code, moved = run("move", "--from", kafka.url, "--to", f"sqlite:///{back}/journal.sqlite")
    assert (code, moved["same"]) == (0, True)
    assert run("digest", "--data", back) == (0, after)
    assert after != before


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (("--from", "sqlite:///nowhere/a", "--to", "sqlite:///nowhere/a"), "--from and --to are the same journal"),
        (("--from", "redis://a", "--to", "kafka://b"), "'redis://a' is no journal"),
        (("--from", "sqlite:///nowhere/a", "--to", "kafka://b"), "there is no journal at /nowhere/a"),
    ],
)
def test_what_cannot_be_moved_is_said(args: tuple[str, ...], sentence: str, run: Run) -> None:
    code, result = run("move", *args)

    assert code in (1, 2)
    assert result["error"].startswith(sentence)


def test_a_cluster_that_is_none_is_a_sentence(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SALESTREAM_JOURNAL", "kafka://me:hidden@host")

    for verb in ("status", "setup"):
        code, result = run(verb, "--data", str(tmp_path))
        assert code in (1, 2)
        assert "allowed: kafka://host:9092" in result["error"]
        assert "hidden" not in result["error"]


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ("", "name one for all with SALESTREAM_SUBJECT_KEYS"),
        ("/tmp/subjects.sqlite", "'/tmp/subjects.sqlite' is not supported here; allowed: sqlite:///path"),
    ],
)
def test_a_worker_that_no_time_helps_does_not_begin(
    keys: str, sentence: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SALESTREAM_JOURNAL", "kafka://127.0.0.1:1")
    monkeypatch.setenv("SALESTREAM_SUBJECT_KEYS", keys)

    assert main(["worker"]) == 2

    assert sentence in capsys.readouterr().err
