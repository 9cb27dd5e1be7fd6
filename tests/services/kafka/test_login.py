"""A cluster that asks for a name and a password."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from services.journal.kafka import KafkaJournal
from services.journal.port import JournalError, Verdict
from services.kafka.clients import cluster_of
from services.kafka.topics import Names, plans, set_up
from services.settings import Settings
from tests.kafka.broker import Kafka
from tests.services.journal.telling import told


def settings(kafka: Kafka, password: str) -> Settings:
    """How ``sales`` logs in."""
    return Settings(
        journal=kafka.url,
        kafka_partitions=2,
        kafka_timeout_s=6,
        kafka_security_protocol="SASL_PLAINTEXT",
        kafka_sasl_mechanism="PLAIN",
        kafka_sasl_username="sales",
        kafka_sasl_password=SecretStr(password),
    )


def test_who_knows_the_password_gets_in(kafka_with_login: Kafka, tmp_path: Path) -> None:
    right, wrong = settings(kafka_with_login, "open sesame"), settings(kafka_with_login, "open barley")

    assert set_up(cluster_of(right), plans(right)).problems == []
    with KafkaJournal(tmp_path / "m", cluster_of(right), Names("salestream")) as journal:
        assert journal.append([told("1")], now_ms=0) == [Verdict("accepted", 1)]

    with pytest.raises(JournalError, match=r"does not let us in; .* _PASSWORD are right") as refused:
        set_up(cluster_of(wrong), plans(wrong))
    assert "barley" not in str(refused.value)
