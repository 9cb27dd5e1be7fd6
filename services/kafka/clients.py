"""Clients of one Kafka cluster, set as a journal needs them: nothing lost, nothing reordered, nothing skipped."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, Final

import msgspec
from aiokafka import AIOKafkaProducer
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.errors import (
    AuthorizationError,
    KafkaError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    OffsetOutOfRangeError,
    SaslAuthenticationFailedError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
)
from kafka.partitioner.default import murmur2

from services.journal.port import JournalError
from services.settings import Settings

_SCHEME: Final = "kafka://"
_PORT: Final = 9092
_PROBLEMS: Final = {
    SaslAuthenticationFailedError: "refuses our name and password; check SALESTREAM_KAFKA_SASL_USERNAME and _PASSWORD",
    TopicAuthorizationFailedError: "does not let us use a topic; give us the right to read, write and describe it",
    AuthorizationError: "does not allow it; give us the right to read, write and describe our topics",
    UnknownTopicOrPartitionError: "has no such topic; make it with `salestream setup`",
    OffsetOutOfRangeError: "no longer holds a record that is needed; the retention of the topic must be unlimited, and "
    "what it deleted must come from a backup",
    MessageSizeTooLargeError: "refuses a record as too large; raise max.message.bytes of the topic to 1 MiB",
    KafkaTimeoutError: "does not answer in time; see whether it runs, or raise SALESTREAM_KAFKA_TIMEOUT_S",
}


class Cluster(msgspec.Struct, frozen=True):
    """Where Kafka is and how it is spoken to."""

    servers: list[str]
    timeout_s: int
    security: dict[str, Any]
    """The settings of SASL and TLS, as every client takes them."""

    @property
    def name(self) -> str:
        """``host:9092,host2:9092``, for people."""
        return ",".join(self.servers)

    def admin(self) -> KafkaAdminClient:
        """Makes and describes topics. Raises JournalError."""
        with in_a_sentence(self):
            return KafkaAdminClient(**self._shared(), request_timeout_ms=min(self.timeout_s, 30) * 1000)

    def producer(self) -> KafkaProducer:
        """Writes each record once and in order, and to every replica in sync before it says so.

        Whoever writes ends a batch with ``flush``; the long linger keeps it from going out in pieces.
        """
        timeout_ms = self.timeout_s * 1000
        with in_a_sentence(self):
            return KafkaProducer(
                **self._shared(),
                enable_idempotence=True,  # said aloud, so that a setting that spoils it is an error and no warning
                acks="all",
                linger_ms=100,
                batch_size=512 * 1024,
                max_block_ms=timeout_ms,
                delivery_timeout_ms=timeout_ms,
                request_timeout_ms=max(min(timeout_ms - 200, 30_000), 500),
                allow_auto_create_topics=False,
            )

    def bulk_producer(self) -> AIOKafkaProducer:
        """The same promises, of the client that takes finished record batches. Make it within a running event loop."""
        named = {name: value for name, value in self.security.items() if not name.startswith("ssl_")}
        return AIOKafkaProducer(
            **named,
            bootstrap_servers=self.servers,
            client_id="salestream",
            enable_idempotence=True,
            acks="all",
            max_batch_size=512 * 1024,
            request_timeout_ms=min(self.timeout_s, 30) * 1000,
            ssl_context=self._ssl_context(),
        )

    def _ssl_context(self) -> ssl.SSLContext | None:
        if not self.security["security_protocol"].endswith("SSL"):
            return None
        context = ssl.create_default_context(cafile=self.security.get("ssl_cafile"))
        if certificate := self.security.get("ssl_certfile"):
            context.load_cert_chain(certificate, self.security.get("ssl_keyfile"))
        return context

    def consumer(self) -> KafkaConsumer:
        """Reads partitions that are assigned to it from offsets that are told to it; it belongs to no group.

        Where to read on is kept with what was made of the records, so nothing is committed (``enable_auto_commit``
        is on unless told otherwise), and an offset that the broker no longer has is an error (``auto_offset_reset``
        would jump to the end). Records of aborted transactions are never shown (``isolation_level`` would show
        them). Checksums stay on, for these records are the truth. The broker is asked for its version, so that old
        and new ones both work.
        """
        with in_a_sentence(self):
            return KafkaConsumer(
                **self._shared(),
                group_id=None,
                enable_auto_commit=False,
                auto_offset_reset="none",
                isolation_level="read_committed",
                check_crcs=True,
                api_version=None,
                fetch_max_wait_ms=100,
                fetch_max_bytes=32 * 1024 * 1024,
                max_partition_fetch_bytes=8 * 1024 * 1024,
                max_poll_records=5000,
                request_timeout_ms=min(self.timeout_s, 30) * 1000,
                allow_auto_create_topics=False,
            )

    def _shared(self) -> dict[str, Any]:
        return {
            "bootstrap_servers": self.servers,
            "client_id": "salestream",
            "bootstrap_timeout_ms": self.timeout_s * 1000,
            "reconnect_backoff_max_ms": 1000,
            **self.security,
        }


def cluster_of(settings: Settings, url: str | None = None) -> Cluster:
    """The cluster of a ``kafka://`` URL, the journal's unless another is named. Raises ValueError."""
    url = settings.journal if url is None else url
    names = url.removeprefix(_SCHEME).rstrip("/").split(",")
    if not url.startswith(_SCHEME) or not all(names) or any("/" in name or "@" in name for name in names):
        raise ValueError(f"{url.split('@')[-1]!r} is no Kafka cluster; allowed: kafka://host:9092[,host2:9092]")
    servers = [name if ":" in name else f"{name}:{_PORT}" for name in names]
    return Cluster(servers, settings.kafka_timeout_s, _security(settings))


def _security(settings: Settings) -> dict[str, Any]:
    protocol = settings.kafka_security_protocol
    told: dict[str, Any] = {"security_protocol": protocol}
    if protocol.startswith("SASL"):
        if not settings.kafka_sasl_username:
            raise ValueError(f"{protocol} needs SALESTREAM_KAFKA_SASL_USERNAME and SALESTREAM_KAFKA_SASL_PASSWORD")
        told["sasl_mechanism"] = settings.kafka_sasl_mechanism
        told["sasl_plain_username"] = settings.kafka_sasl_username
        told["sasl_plain_password"] = settings.kafka_sasl_password.get_secret_value()
    if protocol.endswith("SSL"):
        files = {name: getattr(settings, f"kafka_{name}") for name in ("ssl_cafile", "ssl_certfile", "ssl_keyfile")}
        told |= {name: path for name, path in files.items() if path}
    return told


@lru_cache(10_000)
def partition_of(tenant: str, partitions: int) -> int:
    """Where a tenant's records lie: as Kafka's own clients place the key, so that all producers agree."""
    return int((murmur2(tenant.encode()) & 0x7FFFFFFF) % partitions)


@contextmanager
def in_a_sentence(cluster: Cluster) -> Iterator[None]:
    """What Kafka or its client reports, as a JournalError; our own mistakes stay what they are."""
    try:
        yield
    except KafkaError as error:
        raise JournalError(f"Kafka at {cluster.name} {problem_of(error, cluster)}") from error
    except OSError as error:
        raise JournalError(f"Kafka at {cluster.name} cannot be reached or trusted: {error}") from error


def problem_of(error: BaseException, cluster: Cluster) -> str:
    """What an error of Kafka means and what to do."""
    if isinstance(error, KafkaTimeoutError) and "sasl_mechanism" in cluster.security:
        # A broker that refuses a login closes the connection, and the client then tries again until its time is over.
        return (
            "does not answer in time, or does not let us in; see whether it runs, and whether "
            "SALESTREAM_KAFKA_SASL_USERNAME and _PASSWORD are right (KafkaTimeoutError)"
        )
    for kind, problem in _PROBLEMS.items():
        if isinstance(error, kind):
            return f"{problem} ({type(error).__name__})"
    return f"failed ({type(error).__name__}); see its log, and try again"
