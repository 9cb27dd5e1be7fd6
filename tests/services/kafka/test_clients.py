"""Settings reach the clients, and tenants lie where every producer puts them."""

from typing import Any

import pytest
from kafka.errors import OffsetOutOfRangeError, SaslAuthenticationFailedError
from kafka.partitioner.default import DefaultPartitioner, murmur2
from pydantic import SecretStr

from services.journal.port import JournalError
from services.kafka.clients import Cluster, cluster_of, in_a_sentence, partition_of
from services.settings import Settings


def settings(**told: Any) -> Settings:
    """Settings of a journal on Kafka."""
    return Settings(journal="kafka://one:9093,two", **told)


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("21", -973932308),
        ("foobar", -790332482),
        ("a-little-bit-long-string", -985981536),
        ("a-little-bit-longer-string", -1486304829),
        ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        ("abc", 479470107),
    ],
)
def test_a_key_is_hashed_as_kafkas_own_tests_say(key: str, expected: int) -> None:
    """The vectors of org.apache.kafka.common.utils.UtilsTest."""
    assert murmur2(key.encode()) == expected % 2**32
    assert partition_of(key, 12) == (expected & 0x7FFFFFFF) % 12


class _Twelve:
    """What a partitioner asks of a cluster."""

    def topics(self) -> set[str]:
        return {"inbox"}

    def partitions_for_topic(self, topic: str) -> set[int]:
        return set(range(12))

    available_partitions_for_topic = partitions_for_topic


def test_a_tenant_lies_where_a_producer_without_settings_puts_it() -> None:
    default = DefaultPartitioner()
    for n in range(200):
        tenant = f"tenant-{n}"
        assert default.partition("inbox", tenant, tenant.encode(), None, None, _Twelve()) == partition_of(tenant, 12)


def test_a_url_names_the_brokers() -> None:
    cluster = cluster_of(settings())

    assert cluster.servers == ["one:9093", "two:9092"]
    assert cluster.security == {"security_protocol": "PLAINTEXT"}


@pytest.mark.parametrize(
    "url", ["kafka://", "kafka://a,,b", "kafka://me:secret@host", "kafka://host/path", "redis://x"]
)
def test_a_url_that_is_none_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(ValueError, match=r"allowed: kafka://host:9092\[,host2:9092\]") as refused:
        cluster_of(settings(), url)
    assert "secret" not in str(refused.value)


def test_sasl_and_tls_reach_every_client(monkeypatch: pytest.MonkeyPatch) -> None:
    told: dict[str, dict[str, Any]] = {}
    for name in ("KafkaAdminClient", "KafkaProducer", "KafkaConsumer"):
        monkeypatch.setattr(f"services.kafka.clients.{name}", lambda name=name, **configs: told.update({name: configs}))
    cluster = cluster_of(
        settings(
            kafka_security_protocol="SASL_SSL",
            kafka_sasl_mechanism="SCRAM-SHA-256",
            kafka_sasl_username="sales",
            kafka_sasl_password=SecretStr("hidden"),
            kafka_ssl_cafile="/ca.pem",
        )
    )

    cluster.admin(), cluster.producer(), cluster.consumer()

    assert len(told) == 3
    for configs in told.values():
        assert configs["security_protocol"] == "SASL_SSL"
        assert configs["sasl_mechanism"] == "SCRAM-SHA-256"
        assert (configs["sasl_plain_username"], configs["sasl_plain_password"]) == ("sales", "hidden")
        assert configs["ssl_cafile"] == "/ca.pem"
        assert "ssl_keyfile" not in configs
    consumer, producer = told["KafkaConsumer"], told["KafkaProducer"]
    assert (consumer["enable_auto_commit"], consumer["auto_offset_reset"]) == (False, "none")
    assert (consumer["isolation_level"], consumer["check_crcs"]) == ("read_committed", True)
    assert (producer["acks"], producer["enable_idempotence"]) == ("all", True)


def test_sasl_needs_a_name() -> None:
    with pytest.raises(ValueError, match="SASL_SSL needs SALESTREAM_KAFKA_SASL_USERNAME"):
        cluster_of(settings(kafka_security_protocol="SASL_SSL"))


def test_a_password_is_not_shown() -> None:
    told = settings(kafka_sasl_password=SecretStr("hidden"))

    assert "hidden" not in f"{told!r} {told} {told.kafka_sasl_password}"


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (OffsetOutOfRangeError(), "Kafka at a:1 no longer holds a record"),
        (SaslAuthenticationFailedError(), "Kafka at a:1 refuses our name and password"),
        (ConnectionRefusedError("refused"), "Kafka at a:1 cannot be reached or trusted: refused"),
    ],
)
def test_errors_are_sentences(error: Exception, sentence: str) -> None:
    with pytest.raises(JournalError, match=sentence), in_a_sentence(Cluster(["a:1"], 1, {})):
        raise error
