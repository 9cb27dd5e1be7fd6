"""Every setting there is: an environment variable with its type, default and meaning."""

from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from events.currencies import EXPONENTS


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
    inbox_days: Annotated[int, Field(ge=1, le=3650, description="How long raw input is kept.")] = 30
    history_events: Annotated[int, Field(ge=1000, description="Events of active entities held in memory.")] = 200_000
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

    @property
    def on_kafka(self) -> bool:
        """Whether the journal is on Kafka."""
        return self.journal.startswith("kafka://")

    @property
    def journal_path(self) -> Path:
        """The journal's file; of a journal on Kafka, that of its mirror. Raises ValueError for another adapter."""
        if self.on_kafka:
            return self.data / "mirror.sqlite"
        return _path(self.journal, "sqlite", self.data / "journal.sqlite")

    @property
    def store_path(self) -> Path:
        """The store's folder. Raises ValueError for another adapter than chDB."""
        return _path(self.store, "chdb", self.data / "store")


def _path(url: str, scheme: str, default: Path) -> Path:
    if not url:
        return default
    prefix = f"{scheme}:///"
    if not url.startswith(prefix) or len(url) == len(prefix):
        other = ", or kafka://host:9092" if scheme == "sqlite" else ""
        raise ValueError(f"{url.split('@')[-1]!r} is not supported here; allowed: {prefix}path{other}")
    return Path("/" + url[len(prefix) :]) if not url[len(prefix) :].startswith(".") else Path(url[len(prefix) :])
