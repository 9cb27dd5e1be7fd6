"""A worker on a cluster that asks for a name and a password over TLS: Faust, too, gets in with ours."""

import json
import os
from pathlib import Path

from pydantic import SecretStr

from services.kafka.clients import cluster_of
from services.kafka.records import Outgoing
from services.kafka.topics import Names, plans, set_up
from services.kafka.writer import Writer
from services.settings import Settings
from tests.kafka.broker import Kafka
from tests.services.worker.harness import Running, free_port, stories, unique, wait


def test_faust_gets_in_with_our_name_and_password_over_tls(kafka_over_tls: Kafka, tmp_path: Path) -> None:
    settings = Settings(
        journal=kafka_over_tls.url,
        kafka_partitions=2,
        kafka_security_protocol="SASL_SSL",
        kafka_sasl_mechanism="PLAIN",
        kafka_sasl_username="sales",
        kafka_sasl_password=SecretStr("open sesame"),
        kafka_ssl_cafile=str(tmp_path / "ca.pem"),
    )
    cluster, names = cluster_of(settings), Names(settings.kafka_prefix)
    assert set_up(cluster, plans(settings)).problems == []
    (tenant,) = unique("acme")
    writer = Writer(cluster, names.inbox, 2)
    writer.write([Outgoing(tenant, json.dumps(event).encode(), [], 0) for event in stories([tenant], 50)])
    writer.close()
    told = {
        "DATA": tmp_path / "data",
        "SUBJECT_KEYS": f"sqlite://{tmp_path}/subjects.sqlite",
        "JOURNAL": settings.journal,
        "KAFKA_PARTITIONS": 2,
        "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "KAFKA_SASL_MECHANISM": "PLAIN",
        "KAFKA_SASL_USERNAME": "sales",
        "KAFKA_SASL_PASSWORD": "open sesame",
        "KAFKA_SSL_CAFILE": tmp_path / "ca.pem",
        "WORKER_METRICS": f"127.0.0.1:{free_port()}",
    }
    env = dict(os.environ) | {f"SALESTREAM_{name}": str(value) for name, value in told.items()}
    worker = Running("worker", tmp_path, env)
    try:
        worker.says("partitions assigned")
        wait(lambda: worker.metric('salestream_events_total{outcome="applied"}') == 50, "the ledger", 40)
        assert "sesame" not in worker.log
        assert worker.stop() == 0
    finally:
        if worker.process.poll() is None:
            worker.kill()
