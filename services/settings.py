"""Every setting there is: an environment variable with its type, default and meaning."""

import re
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from events.currencies import EXPONENTS
from events.walls import Names


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(f"{name!r} is no time zone; allowed: a name such as Asia/Shanghai or UTC") from error
    return name


def _currency(code: str) -> str:
    if code not in EXPONENTS:
        raise ValueError(f"{code!r} is no currency; allowed: an ISO 4217 code such as CNY or USD")
    return code


def _address(text: str) -> str:
    host, colon, port = text.rpartition(":")
    if text and not (host and colon and port.isdecimal() and int(port) < 65536):
        raise ValueError(f"{text!r} is no address; allowed: host:port such as 127.0.0.1:9464")
    return text


class Settings(BaseSettings):
    """What can be set from outside, each as ``SALESTREAM_<NAME>``."""

    model_config = SettingsConfigDict(env_prefix="SALESTREAM_", extra="ignore")

    data: Annotated[Path, Field(description="Folder of the journal and the store.")] = Path("salestream-data")
    journal: Annotated[
        str,
        Field(
            description="Where the journal is: sqlite:///path or kafka://host:9092[,…]. "
            "Empty: journal.sqlite in the data folder."
        ),
    ] = ""
    store: Annotated[
        str,
        Field(
            description="Where the ledger is: chdb:///path or clickhouse://[user@]host:8123/database[?secure=1]. "
            "Empty: the folder store in the data folder."
        ),
    ] = ""
    store_password: Annotated[SecretStr, Field(description="Our password at ClickHouse.")] = SecretStr("")
    store_cluster: Annotated[
        str, Field(description="Cluster of the ClickHouse server that the ledger lies on.", pattern=r"^[A-Za-z0-9_-]*$")
    ] = ""
    store_timeout_s: Annotated[
        int, Field(ge=1, le=3600, description="Seconds to wait for ClickHouse before giving up.")
    ] = 60
    tenant: Annotated[str, Field(description="Whose books to read.", pattern=r"^[a-z0-9_-]{1,64}$")] = "default"
    timezone: Annotated[
        str, AfterValidator(_zone), Field(description="Time zone of the days; the tenant's calendar.defined wins.")
    ] = "UTC"
    currency: Annotated[
        str,
        AfterValidator(_currency),
        Field(description="Currency of the company; the tenant's calendar.defined wins."),
    ] = "CNY"
    lang: Annotated[Literal["en", "zh"], Field(description="Language of what people read.")] = "en"
    customer_lifespan_years: Annotated[
        int, Field(ge=1, le=100, description="How long a customer stays, for clv, where nobody churned.")
    ] = 5
    open_on_loopback: Annotated[
        bool, Field(description="Whether programs on this machine may tell events over HTTP without a key.")
    ] = False
    rate_events_per_s: Annotated[
        int, Field(ge=0, le=1_000_000, description="Events that a key may tell over HTTP in a second; 0: no limit.")
    ] = 20_000
    body_timeout_s: Annotated[
        int, Field(ge=1, le=600, description="Seconds in which the body of an HTTP request must have arrived.")
    ] = 30
    hooks: Annotated[Path | None, Field(description="File of the webhooks that are open, with their secrets.")] = None
    mappings: Annotated[Path | None, Field(description="Folder of your own mappings of webhooks.")] = None
    boards: Annotated[
        Path | None, Field(description="Folder of your own boards for the wallboard, one YAML file each.")
    ] = None
    wall_names: Annotated[
        Names,
        Field(description="How reps are named on the wallboard; own: only on their own board; off: not at all."),
    ] = "full"
    wall_least: Annotated[
        int, Field(ge=1, le=100, description="The wallboard shows no team, region or manager with fewer reps.")
    ] = 1
    wall_up: Annotated[
        Literal["green", "red"], Field(description="Colour of what is better on the wallboard: green, or red.")
    ] = "green"
    subject_keys: Annotated[
        str,
        Field(
            description="Where the keys of personal data are: sqlite:///path, on a disk that all processes share, or "
            "https://host:port of a key store. Empty: subjects.sqlite in the data folder."
        ),
    ] = ""
    keystore_token: Annotated[
        SecretStr, Field(description="What the key store is asked with: at least 32 characters.")
    ] = SecretStr("")
    keystore_token_file: Annotated[
        Path | None,
        Field(description="File of the token of the key store, which makes it where it is missing."),
    ] = None
    keystore_cafile: Annotated[
        str, Field(description="File of the authorities that vouch for the key store. Empty: those of this machine.")
    ] = ""
    master_key: Annotated[
        SecretStr, Field(description="Key that wraps the keys of personal data: 32 bytes in base64.")
    ] = SecretStr("")
    master_key_next: Annotated[
        SecretStr, Field(description="Master key that is to follow, while it is being changed: 32 bytes in base64.")
    ] = SecretStr("")
    master_key_file: Annotated[
        Path | None,
        Field(
            description="File of the master key, for its owner only. Empty: master.key beside the keys that it wraps."
        ),
    ] = None
    erasures: Annotated[
        Path | None,
        Field(
            description="File that notes each erasure, best on another disk than backups. Empty: erasures.jsonl in the "
            "data folder."
        ),
    ] = None
    letter_days: Annotated[
        int,
        Field(
            ge=1,
            le=3650,
            description="How long what was refused can be read, if it names no subject.",
        ),
    ] = 90
    audit_days: Annotated[int, Field(ge=1, le=3650, description="How long it is kept who asked and changed what.")] = 90
    inbox_days: Annotated[int, Field(ge=1, le=3650, description="How long raw input is kept.")] = 30
    history_events: Annotated[int, Field(ge=1000, description="Events of active entities held in memory.")] = 100_000
    kafka_prefix: Annotated[
        str, Field(description="What the names of our topics begin with.", pattern=r"^[A-Za-z0-9._-]{1,100}$")
    ] = "salestream"
    kafka_partitions: Annotated[
        int, Field(ge=1, le=4096, description="Partitions of inbox and journal; never changed once events are in.")
    ] = 12
    kafka_replication: Annotated[int, Field(ge=1, le=15, description="Brokers that hold a copy of each topic.")] = 1
    kafka_timeout_s: Annotated[int, Field(ge=1, le=3600, description="Seconds to wait for Kafka before giving up.")] = (
        60
    )
    kafka_security_protocol: Annotated[
        Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"], Field(description="How Kafka is spoken to.")
    ] = "PLAINTEXT"
    kafka_sasl_mechanism: Annotated[
        Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"], Field(description="How we log in to Kafka, with SASL.")
    ] = "SCRAM-SHA-512"
    kafka_sasl_username: Annotated[str, Field(description="Our name at Kafka, with SASL.")] = ""
    kafka_sasl_password: Annotated[SecretStr, Field(description="Our password at Kafka, with SASL.")] = SecretStr("")
    kafka_ssl_cafile: Annotated[str, Field(description="File of the authorities that vouch for Kafka, with SSL.")] = ""
    kafka_ssl_certfile: Annotated[str, Field(description="File of our certificate for Kafka, with SSL.")] = ""
    kafka_ssl_keyfile: Annotated[str, Field(description="File of the key of our certificate, with SSL.")] = ""

    worker_group: Annotated[
        str, Field(description="Consumer group of the workers. Empty: the topics' prefix and -worker.")
    ] = ""
    worker_batch: Annotated[int, Field(ge=1, le=4000, description="Records a worker takes in one go, at most.")] = 2000
    worker_within_ms: Annotated[
        int, Field(ge=1, le=10_000, description="Milliseconds a worker waits for a batch to fill.")
    ] = 20
    worker_session_s: Annotated[
        int, Field(ge=6, le=90, description="Seconds after which a worker that is not heard of is replaced.")
    ] = 30
    worker_retry_s: Annotated[
        int, Field(ge=1, le=600, description="Seconds between two tries, at most, while Kafka or ClickHouse is away.")
    ] = 15
    worker_stop_s: Annotated[
        int, Field(ge=1, le=600, description="Seconds a worker that is told to stop has to finish its batch.")
    ] = 45
    worker_metrics: Annotated[
        str,
        AfterValidator(_address),
        Field(description="Where a worker serves /metrics, /healthz and /readyz: 127.0.0.1:9464. Empty: nowhere."),
    ] = ""
    worker_log: Annotated[
        Literal["auto", "text", "json"], Field(description="Log of a worker; auto: text for people, JSON for machines.")
    ] = "auto"
    breaker_percent: Annotated[
        int, Field(ge=0, le=100, description="A worker stops when so many percent are refused or parked. 0: never.")
    ] = 90
    breaker_events: Annotated[
        int, Field(ge=10, le=1_000_000, description="Of so many events the worker looks at the share that is bad.")
    ] = 1000
    breaker_pause_s: Annotated[
        int, Field(ge=1, le=86_400, description="Seconds after which a worker that stopped so tries one batch.")
    ] = 300

    @property
    def on_kafka(self) -> bool:
        """Whether the journal is on Kafka."""
        return self.journal.startswith("kafka://")

    @property
    def on_clickhouse(self) -> bool:
        """Whether the ledger is on a ClickHouse server."""
        return self.store.startswith("clickhouse:")

    @property
    def store_place(self) -> str:
        """Where the ledger is, without who we are there. Raises ValueError where the setting names no place."""
        if not self.on_clickhouse:
            return str(self.store_path)
        place = self.store.rpartition("@")[2].removeprefix("clickhouse://")
        if not re.fullmatch(r"[^/\s]+/\w+(\?secure=\w+)?", place):
            raise ValueError(
                f"clickhouse://…@{place} names no ClickHouse server; "
                "allowed: clickhouse://[user[:password]@]host[:8123]/database[?secure=1]"
            )
        return place

    @property
    def posted_by_workers(self) -> bool:
        """Whether journal and ledger are both on servers, where workers post; nobody else does so unasked."""
        return self.on_kafka and self.on_clickhouse

    @property
    def group(self) -> str:
        """The consumer group of the workers."""
        return self.worker_group or f"{self.kafka_prefix}-worker"

    @property
    def journal_path(self) -> Path:
        """The journal's file; of a journal on Kafka, that of its mirror. Raises ValueError for another adapter."""
        if self.on_kafka:
            return self.data / "mirror.sqlite"
        return _path(self.journal, "sqlite", self.data / "journal.sqlite", ", or kafka://host:9092")

    @property
    def keys_path(self) -> Path:
        """The file of the API keys."""
        return self.data / "keys.sqlite"

    @property
    def seals_path(self) -> Path:
        """The file of the seals of the journal."""
        return self.data / "seals.sqlite"

    @property
    def on_keystore(self) -> bool:
        """Whether the keys of personal data are at a service over HTTP."""
        return self.subject_keys.startswith(("http://", "https://"))

    @property
    def subject_keys_path(self) -> Path:
        """The file of the keys of personal data. Raises ValueError for another adapter than SQLite."""
        return _path(self.subject_keys, "sqlite", self.data / "subjects.sqlite", ", or https://host:port")

    @property
    def master_key_path(self) -> Path:
        """The file of the master key."""
        return self.master_key_file or self.subject_keys_path.with_name("master.key")

    @property
    def erasures_path(self) -> Path:
        """The register of erasures."""
        return self.erasures or self.data / "erasures.jsonl"

    @property
    def trail_path(self) -> Path:
        """The file of who asked and changed what."""
        return self.data / "trail.sqlite"

    @property
    def store_path(self) -> Path:
        """The store's folder. Raises ValueError for another adapter than chDB."""
        return _path(self.store, "chdb", self.data / "store")


def _path(url: str, scheme: str, default: Path, other: str = "") -> Path:
    if not url:
        return default
    prefix = f"{scheme}:///"
    if not url.startswith(prefix) or len(url) == len(prefix):
        raise ValueError(f"{url.split('@')[-1]!r} is not supported here; allowed: {prefix}path{other}")
    return Path("/" + url[len(prefix) :]) if not url[len(prefix) :].startswith(".") else Path(url[len(prefix) :])
