"""The gateway alone, over a journal on a real Kafka broker: workers elsewhere do the posting."""

import json
import uuid
from pathlib import Path

import pytest

from services.cli.app import main
from services.journal.kafka import KafkaJournal
from services.settings import Settings
from tests.kafka.broker import Kafka
from tests.kafka.topics import cluster, make
from tests.services.gateway.conftest import STRUCTURED, event
from tests.services.gateway.test_serve import served
from tests.services.journal.telling import ids

pytestmark = pytest.mark.e2e


def test_what_is_told_is_in_the_topic_when_the_answer_comes(kafka: Kafka, tmp_path: Path) -> None:
    names = make(kafka, f"gateway-{uuid.uuid4().hex[:8]}")
    env = {
        "SALESTREAM_JOURNAL": kafka.url,
        "SALESTREAM_KAFKA_PREFIX": names.prefix,
        "SALESTREAM_SUBJECT_KEYS": f"sqlite://{tmp_path}/subjects.sqlite",
        "SALESTREAM_KAFKA_PARTITIONS": "3",
        "SALESTREAM_STORE": "clickhouse://nobody@127.0.0.1:9/books",
    }
    with served(tmp_path / "data", SALESTREAM_OPEN_ON_LOOPBACK="1", **env) as house:
        for id_ in ("1", "2", "1"):
            assert house.http.post("/events", json=event(id_), headers=STRUCTURED).status_code == 202
        ready = house.http.get("/readyz")
        with KafkaJournal(tmp_path / "other", cluster(kafka), names) as journal:
            assert ids(journal) == ["1", "2"]
            assert journal.tally("default").duplicates == 1
        ended = house.end()

    assert ready.json() == {
        "ready": True, "journal": "writable", "ledger": {"state": "posted elsewhere", "behind": None},
    }  # fmt: skip
    assert (ended.code, ended.err) == (0, "")


def test_posting_is_elsewhere_only_where_both_are_servers() -> None:
    kafka, clickhouse = "kafka://localhost:9092", "clickhouse://localhost/books"

    assert Settings(journal=kafka, store=clickhouse).posted_by_workers
    assert not Settings(journal=kafka).posted_by_workers
    assert not Settings(store=clickhouse).posted_by_workers
    assert not Settings().posted_by_workers


def test_the_settings_are_described(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["settings", "--json"]) == 0
    types = {each["env"]: each["type"] for each in json.loads(capfd.readouterr().out)}

    assert types["SALESTREAM_OPEN_ON_LOOPBACK"] == "true or false"
    assert types["SALESTREAM_RATE_EVENTS_PER_S"] == "integer from 0 to 1000000"
