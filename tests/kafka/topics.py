"""Topics of a test's own."""

from services.kafka.clients import Cluster, cluster_of
from services.kafka.topics import Names, Plan, plans, set_up
from services.settings import Settings
from tests.kafka.broker import Kafka


def settings(kafka: Kafka, prefix: str = "salestream", partitions: int = 3) -> Settings:
    """Settings with which the product finds the broker."""
    return Settings(journal=kafka.url, kafka_prefix=prefix, kafka_partitions=partitions, kafka_timeout_s=30)


def cluster(kafka: Kafka) -> Cluster:
    """The broker, as the clients know it."""
    return cluster_of(settings(kafka))


def make(kafka: Kafka, prefix: str, partitions: int = 3, *, stamped: bool = True) -> Names:
    """Make our topics. Not ``stamped``: they keep the times that writers give, as no journal of a company should."""
    wanted = plans(settings(kafka, prefix, partitions))
    if not stamped:
        free = {"message.timestamp.type": "CreateTime", "message.timestamp.after.max.ms": str(2**62)}
        wanted = [Plan(plan.name, plan.partitions, plan.replication, plan.configs | free) for plan in wanted]
    assert set_up(cluster(kafka), wanted).problems == []
    return Names(prefix)
