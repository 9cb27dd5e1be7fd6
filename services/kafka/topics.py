"""The topics: what each must be like, making those that are missing, and saying what is wrong with those that exist."""

import time
from typing import Any, Final

import msgspec
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import KafkaTimeoutError, TopicAlreadyExistsError

from services.kafka.clients import Cluster, in_a_sentence
from services.settings import Settings

_DAY_MS: Final = 86_400_000
_FOREVER: Final = "-1"
_PAUSE_S: Final = 0.1


class Names(msgspec.Struct, frozen=True):
    """What our topics are called."""

    prefix: str

    @property
    def inbox(self) -> str:
        """Anything told, as CloudEvents; key = tenant."""
        return f"{self.prefix}.inbox"

    @property
    def journal(self) -> str:
        """What became of it, in order: events, refusals, decisions. The truth; key = tenant."""
        return f"{self.prefix}.journal"

    @property
    def dead_letters(self) -> str:
        """A copy of everything refused, for people and tools that watch; key = tenant."""
        return f"{self.prefix}.dead-letters"

    @property
    def deliveries(self) -> str:
        """What came over webhooks, byte for byte; key = tenant."""
        return f"{self.prefix}.deliveries"


class Plan(msgspec.Struct, frozen=True):
    """A topic as it must be."""

    name: str
    partitions: int
    replication: int
    configs: dict[str, str]


class SetUp(msgspec.Struct, frozen=True):
    """What ``set_up`` made and found."""

    created: list[str]
    kept: list[str]
    problems: list[str]
    """A sentence each."""


def plans(settings: Settings) -> list[Plan]:
    """Our topics. Recorded times come from the broker; the journal is never compacted and never expires."""
    names = Names(settings.kafka_prefix)
    inbox_ms = str(settings.inbox_days * _DAY_MS)
    kept = {names.inbox: inbox_ms, names.journal: _FOREVER, names.dead_letters: _FOREVER, names.deliveries: inbox_ms}
    return [
        Plan(
            name,
            settings.kafka_partitions,
            settings.kafka_replication,
            {
                "cleanup.policy": "delete",
                "retention.ms": retention_ms,
                "retention.bytes": _FOREVER,
                "message.timestamp.type": "LogAppendTime",
                # One broker of three may be away; with all but one away nothing is accepted that could be lost.
                "min.insync.replicas": str(max(settings.kafka_replication - 1, 1)),
            },
        )
        for name, retention_ms in kept.items()
    ]


def set_up(cluster: Cluster, wanted: list[Plan]) -> SetUp:
    """Make the topics that are missing and look at the others, which are left as they are. Raises JournalError."""
    admin = cluster.admin()
    try:
        with in_a_sentence(cluster):
            present = set(admin.list_topics())
            missing = {plan.name for plan in wanted} - present
            for plan in wanted:
                if plan.name in missing:
                    _create(admin, plan)
            topics = _described(admin, [plan.name for plan in wanted], cluster.timeout_s)
    finally:
        admin.close()
    problems = [
        problem
        for plan in wanted
        for problem in _misshapen(plan, topics[plan.name][0]) + _misconfigured(plan, topics[plan.name][1])
    ]
    return SetUp(sorted(missing), sorted({plan.name for plan in wanted} - missing), problems)


def _create(admin: KafkaAdminClient, plan: Plan) -> None:
    told = {
        "num_partitions": plan.partitions,
        "replication_factor": plan.replication,
        "configs": plan.configs,
    }
    try:
        admin.create_topics({plan.name: told})
    except TopicAlreadyExistsError:
        return  # another `setup` was quicker; what it made is looked at with the others


def _described(admin: KafkaAdminClient, names: list[str], timeout_s: float) -> dict[str, tuple[list[Any], Any]]:
    """The partitions and the configuration of each topic. Whichever broker is asked may not know yet what another did:
    it is asked again."""
    asked = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        admin.wait_for_topics(names, timeout_ms=timeout_s * 1000)
        shapes = {topic["name"]: topic["partitions"] for topic in admin.describe_topics(names)}
        configs = admin.describe_configs(asked, config_filter="all").get("topic", {})
        if all(shapes.get(name) and configs.get(name) for name in names):
            return {name: (shapes[name], configs[name]) for name in names}
        time.sleep(_PAUSE_S)
    raise KafkaTimeoutError(f"no broker describes {', '.join(names)}")


def _misshapen(plan: Plan, partitions: list[Any]) -> list[str]:
    problems = []
    if len(partitions) != plan.partitions:
        problems.append(
            f"{plan.name} has {len(partitions)} partitions and SALESTREAM_KAFKA_PARTITIONS is {plan.partitions}; all "
            "our topics must have equally many, and a journal that holds events cannot be divided anew: set it to "
            f"{len(partitions)}, or make the topic anew if it is empty"
        )
    copies = min(len(each["replica_nodes"]) for each in partitions)
    if copies < plan.replication:
        problems.append(
            f"{plan.name} is held by {copies} broker(s) and SALESTREAM_KAFKA_REPLICATION is {plan.replication}; "
            "add replicas with kafka-reassign-partitions.sh, or lower the setting"
        )
    return problems


_REASONS: Final = {
    "cleanup.policy": "a compacted topic loses events",
    "retention.ms": "events would be deleted, or raw input kept longer than SALESTREAM_INBOX_DAYS says",
    "retention.bytes": "events would be deleted when the topic grows",
    "message.timestamp.type": "the recorded time must come from the broker",
    "min.insync.replicas": "an event that is held by too few brokers can be lost with them",
}


def _misconfigured(plan: Plan, found: dict[str, Any]) -> list[str]:
    return [
        f"{plan.name} has {name}={found[name]['value']} and needs {name}={value}, for {_REASONS[name]}; "
        "change it with kafka-configs.sh --alter"
        for name, value in plan.configs.items()
        if found[name]["value"] != value
    ]
