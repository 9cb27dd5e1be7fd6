"""`salestream setup` makes what is missing, changes nothing and says what is wrong."""

import json
import uuid
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType

from services.cli.app import main
from services.kafka.topics import Names, plans, set_up
from tests.kafka.broker import Kafka
from tests.kafka.topics import cluster, settings


@pytest.fixture
def prefix() -> str:
    """Of this test's own topics."""
    return f"setup-{uuid.uuid4().hex[:8]}"


def create(kafka: Kafka, topic: str, partitions: int = 3, **configs: str) -> None:
    """A topic as somebody else makes it."""
    admin = cluster(kafka).admin()
    told = {name.replace("_", "."): value for name, value in configs.items()}
    admin.create_topics({topic: {"num_partitions": partitions, "replication_factor": 1, "configs": told}})
    admin.wait_for_topics([topic])
    admin.close()


def config(kafka: Kafka, topic: str) -> dict[str, str]:
    """What a topic is set to."""
    admin = cluster(kafka).admin()
    found = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)], config_filter="all")
    admin.close()
    return {name: each["value"] for name, each in found["topic"][topic].items()}


def test_it_may_be_run_at_any_time(kafka: Kafka, prefix: str) -> None:
    wanted = plans(settings(kafka, prefix))
    names = sorted(plan.name for plan in wanted)

    first, second = set_up(cluster(kafka), wanted), set_up(cluster(kafka), wanted)

    assert (first.created, first.kept, first.problems) == (names, [], [])
    assert (second.created, second.kept, second.problems) == ([], names, [])
    journal, inbox = config(kafka, Names(prefix).journal), config(kafka, Names(prefix).inbox)
    assert journal["cleanup.policy"] == inbox["cleanup.policy"] == "delete"
    assert journal["message.timestamp.type"] == inbox["message.timestamp.type"] == "LogAppendTime"
    assert (journal["retention.ms"], inbox["retention.ms"]) == ("-1", str(30 * 86_400_000))


def test_a_broker_that_does_not_know_a_topic_yet_is_asked_again(
    kafka: Kafka, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    describe = KafkaAdminClient.describe_configs
    not_yet: list[Any] = [{"topic": {}}]

    def late(admin: KafkaAdminClient, *asked: Any, **told: Any) -> Any:
        return not_yet.pop() if not_yet else describe(admin, *asked, **told)

    monkeypatch.setattr(KafkaAdminClient, "describe_configs", late)

    assert set_up(cluster(kafka), plans(settings(kafka, prefix))).problems == []


def test_it_says_what_is_wrong_with_what_is_there(kafka: Kafka, prefix: str) -> None:
    names = Names(prefix)
    create(kafka, names.journal, 2, cleanup_policy="compact", retention_ms="60000", message_timestamp_type="CreateTime")

    done = set_up(cluster(kafka), plans(settings(kafka, prefix)))

    assert done.kept == [names.journal]
    found = "\n".join(done.problems)
    assert len(done.problems) == 4
    assert f"{names.journal} has 2 partitions and SALESTREAM_KAFKA_PARTITIONS is 3" in found
    assert "cleanup.policy=compact and needs cleanup.policy=delete, for a compacted topic loses events" in found
    assert "retention.ms=60000 and needs retention.ms=-1, for events would be deleted" in found
    assert "message.timestamp.type=CreateTime and needs message.timestamp.type=LogAppendTime" in found
    assert config(kafka, names.journal)["cleanup.policy"] == "compact"


def test_too_few_copies_are_seen(kafka: Kafka, prefix: str) -> None:
    wanted = settings(kafka, prefix)
    set_up(cluster(kafka), plans(wanted))

    done = set_up(cluster(kafka), plans(wanted.model_copy(update={"kafka_replication": 3})))

    assert sum("is held by 1 broker(s) and SALESTREAM_KAFKA_REPLICATION is 3" in each for each in done.problems) == 4
    assert sum("min.insync.replicas=1 and needs min.insync.replicas=2" in each for each in done.problems) == 4


def run(capsys: pytest.CaptureFixture[str], *args: str) -> tuple[int, Any]:
    """A command, as a machine runs it."""
    code = main([*args, "--json"])
    return code, json.loads(capsys.readouterr().out)


@pytest.fixture
def environment(kafka: Kafka, prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings of a company on Kafka."""
    told = {"JOURNAL": kafka.url, "KAFKA_PREFIX": prefix, "KAFKA_PARTITIONS": "3", "DATA": str(tmp_path / "data")}
    for name, value in told.items():
        monkeypatch.setenv(f"SALESTREAM_{name}", value)


@pytest.mark.usefixtures("environment")
def test_setup_on_the_command_line(kafka: Kafka, prefix: str, capsys: pytest.CaptureFixture[str]) -> None:
    names = Names(prefix)
    create(kafka, names.journal, cleanup_policy="compact", message_timestamp_type="LogAppendTime", retention_ms="-1")

    code, result = run(capsys, "setup")

    assert code == 1
    assert result["ok"] is False
    assert result["journal"]["kept"] == [names.journal]
    assert len(result["journal"]["problems"]) == 1
    admin = cluster(kafka).admin()
    admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, names.journal, {"cleanup.policy": "delete"})])
    admin.close()
    code, result = run(capsys, "setup")
    assert (code, result["ok"]) == (0, True)
    assert main(["setup", "--lang", "zh"]) == 0
    assert "一切就绪。" in capsys.readouterr().out


def test_setup_without_kafka_makes_the_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, result = run(capsys, "setup", "--data", str(tmp_path / "new"))

    assert (code, result["ok"]) == (0, True)
    assert (tmp_path / "new" / "journal.sqlite").exists()
