"""Apache Kafka for tests: KRaft brokers on loopback, started from jars that Maven resolves, and killed at the end.

``SALESTREAM_TEST_KAFKA=host:9092`` names a broker to use instead. A machine without one, without Docker and without
Java skips the tests that need it; CI does not.
"""

import gc
import os
import shutil
import signal
import socket
import subprocess
import time
import uuid
import warnings
from base64 import urlsafe_b64encode
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Final

from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from tests.kafka.tls import certificate

HERE: Final = Path(__file__).parent
JARS: Final = HERE / ".jars"
WHAT_TO_INSTALL: Final = (
    "no Kafka to test against; install Java 17 and Maven (Debian: openjdk-17-jre-headless maven), "
    "or start Docker, or name a broker in SALESTREAM_TEST_KAFKA"
)
IMAGE: Final = "apache/kafka:4.1.0"
START_S: Final = 90
_JAVA: Final = (
    "java", "-Xmx400m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
)  # fmt: skip


class NoKafka(Exception):
    """There is no broker and none can be started. One sentence says what to install."""


class Broker:
    """One Kafka server process, both broker and controller, with a folder and two ports of its own."""

    def __init__(self, number: int, folder: Path, port: int) -> None:
        self.number = number
        self.port = port
        self.folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """``127.0.0.1:port``."""
        return f"127.0.0.1:{self.port}"

    @property
    def running(self) -> bool:
        """Whether its process lives."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it; ``Kafka.wait`` says when it answers."""
        assert not self.running, "it runs already"
        with (self.folder / "server.log").open("ab") as log:
            command = [*_JAVA, "-cp", f"{JARS}/*", "kafka.Kafka", str(self.folder / "server.properties")]
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder, start_new_session=True)

    def stop(self) -> None:
        """Shut it down as an operator does."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Kill it as a power cut does."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """Kill it and start it again on the same port and folder."""
        self.kill()
        self.start()

    def pause(self) -> None:
        """Stop its clock: it keeps its connections and answers nothing."""
        assert self._process is not None, "it never ran"
        os.killpg(self._process.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        assert self._process is not None, "it never ran"
        os.killpg(self._process.pid, signal.SIGCONT)

    def said(self) -> str:
        """The end of its log."""
        return (self.folder / "server.log").read_text("utf-8", "replace")[-3000:]

    def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, how)
            os.killpg(self._process.pid, signal.SIGCONT)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


class Kafka:
    """Some brokers, which ``bootstrap`` names as the clients want it. ``brokers`` is empty where they are not ours."""

    def __init__(
        self, bootstrap: str, brokers: list[Broker], container: str = "", security: dict[str, str] | None = None
    ) -> None:
        self.bootstrap = bootstrap
        self.brokers = brokers
        self._security = security or {}
        self._container = container

    @property
    def url(self) -> str:
        """As in ``SALESTREAM_JOURNAL``."""
        return f"kafka://{self.bootstrap}"

    def wait(self, timeout_s: float = START_S) -> None:
        """Until every broker that runs answers. Raises NoKafka with what they said if they do not in time."""
        deadline = time.monotonic() + timeout_s
        wanted = sum(broker.running for broker in self.brokers) or 1
        while time.monotonic() < deadline:
            ours = [broker for broker in self.brokers if broker.running]
            if (
                all(_listening(broker.address) for broker in ours)
                and _answering(self.bootstrap, self._security) >= wanted
            ):
                return
            time.sleep(0.2)
        raise NoKafka("Kafka did not start:\n" + "\n".join(broker.said() for broker in self.brokers))

    def close(self) -> None:
        """Kill whatever was started here."""
        for broker in self.brokers:
            broker.kill()
        if self._container:
            subprocess.run(["docker", "rm", "-f", self._container], check=False, capture_output=True)


def start(folder: Path, count: int = 1, login: tuple[str, str] | None = None, *, tls: bool = False) -> Kafka:
    """``count`` brokers that make one cluster, ready to be used; with a ``login``, only by who knows it (SASL PLAIN).

    With ``tls`` too they are spoken to over TLS, with the certificate ``folder / "ca.pem"``. Raises NoKafka.
    """
    named = os.environ.get("SALESTREAM_TEST_KAFKA")
    plain = count == 1 and login is None
    if named and plain:
        return Kafka(named, [])
    if plain and _docker_answers():
        return _in_docker()
    fetch_jars()
    ports = _free_ports(2 * count)
    voters = ",".join(f"{n}@127.0.0.1:{ports[count + n]}" for n in range(count))
    cluster = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    brokers = [_prepared(n, folder / f"broker-{n}", ports[n], ports[count + n], voters, cluster) for n in range(count)]
    if login is not None:
        for broker in brokers:
            _lock(broker.folder / "server.properties", *login, folder / "ca.pem" if tls else None)
    security = _security(login, folder / "ca.pem" if tls else None)
    kafka = Kafka(",".join(broker.address for broker in brokers), brokers, security=security)
    with ExitStack() as failed:
        failed.callback(kafka.close)
        for broker in brokers:
            broker.start()
        kafka.wait()
        failed.pop_all()
    return kafka


def fetch_jars() -> None:
    """Put the jars of the server beside this file, once. Raises NoKafka."""
    pom = (HERE / "pom.xml").read_bytes()
    stamp = JARS / "pom.xml"
    if not shutil.which("java"):
        raise NoKafka(WHAT_TO_INSTALL)
    if stamp.exists() and stamp.read_bytes() == pom:
        return
    if not shutil.which("mvn"):
        raise NoKafka(WHAT_TO_INSTALL)
    shutil.rmtree(JARS, ignore_errors=True)
    command = ["mvn", "-q", "-B", "-f", str(HERE / "pom.xml"), "dependency:copy-dependencies"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise NoKafka(f"Maven cannot fetch the jars of Kafka: {(done.stdout + done.stderr)[-1000:]}")
    stamp.write_bytes(pom)


def _prepared(number: int, folder: Path, port: int, controller: int, voters: str, cluster: str) -> Broker:
    """A broker whose storage is formatted."""
    folder.mkdir(parents=True)
    copies = min(voters.count("@"), 3)
    settings = {
        "node.id": number,
        "process.roles": "broker,controller",
        "controller.quorum.voters": voters,
        "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}",
        "controller.listener.names": "CONTROLLER",
        "log.dirs": folder / "data",
        "auto.create.topics.enable": "false",
        "default.replication.factor": copies,
        "offsets.topic.replication.factor": copies,
        "offsets.topic.num.partitions": 4,
        "transaction.state.log.replication.factor": copies,
        "transaction.state.log.min.isr": min(copies, 2),
        "transaction.state.log.num.partitions": 4,
        "group.initial.rebalance.delay.ms": 0,
        "log.cleaner.dedupe.buffer.size": 4 << 20,
        "num.network.threads": 2,
        "num.io.threads": 3,
        "broker.session.timeout.ms": 6000,
    }
    properties = folder / "server.properties"
    properties.write_text("".join(f"{name}={value}\n" for name, value in settings.items()), encoding="utf-8")
    command = [
        *_JAVA,
        "-cp",
        f"{JARS}/*",
        "kafka.tools.StorageTool",
        "format",
        f"--cluster-id={cluster}",
        "-c",
        str(properties),
    ]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise NoKafka(f"the storage of Kafka cannot be formatted: {done.stdout}{done.stderr}")
    return Broker(number, folder, port)


def _lock(properties: Path, name: str, password: str, ca: Path | None) -> None:
    """Let in only who knows the name and the password; over TLS, where there is to be a certificate."""
    protocol = "SASL_SSL" if ca else "SASL_PLAINTEXT"
    text = properties.read_text(encoding="utf-8").replace("PLAINTEXT://", f"{protocol}://")
    module = "org.apache.kafka.common.security.plain.PlainLoginModule required"
    settings = {
        "listener.security.protocol.map": f"CONTROLLER:PLAINTEXT,{protocol}:{protocol}",
        "inter.broker.listener.name": protocol,
        "sasl.enabled.mechanisms": "PLAIN",
        "sasl.mechanism.inter.broker.protocol": "PLAIN",
        f"listener.name.{protocol.lower()}.plain.sasl.jaas.config": f'{module} username="{name}" password="{password}" '
        f'user_{name}="{password}";',
    }
    if ca:
        keys = certificate(ca)
        settings |= {"ssl.keystore.type": "PEM", "ssl.truststore.type": "PEM"}
        settings |= {"ssl.keystore.location": str(keys), "ssl.truststore.location": str(ca)}
    text += "".join(f"{key}={value}\n" for key, value in settings.items())
    properties.write_text(text, encoding="utf-8")


def _security(login: tuple[str, str] | None, ca: Path | None) -> dict[str, str]:
    """How kafka-python speaks to the brokers."""
    if login is None:
        return {}
    told = {"security_protocol": "SASL_SSL" if ca else "SASL_PLAINTEXT", "sasl_mechanism": "PLAIN"}
    told |= dict(zip(("sasl_plain_username", "sasl_plain_password"), login, strict=True))
    return told | ({"ssl_cafile": str(ca)} if ca else {})


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def _listening(address: str) -> bool:
    host, _, port = address.rpartition(":")
    with suppress(OSError), socket.create_connection((host, int(port)), timeout=1):
        return True
    return False


def _answering(bootstrap: str, security: dict[str, str]) -> int:
    """How many brokers the cluster knows to be alive."""
    if not any(_listening(address) for address in bootstrap.split(",")):
        return 0  # kafka-python leaks the sockets of connections that are refused
    with suppress(KafkaError, OSError):
        client = KafkaAdminClient(bootstrap_servers=bootstrap.split(","), bootstrap_timeout_ms=2000, **security)
        with closing(client):
            return len(client.describe_cluster()["brokers"])
    with warnings.catch_warnings():  # a client that could not be made leaves sockets open, and no handle to close them
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
    return 0


def _docker_answers() -> bool:
    if not shutil.which("docker"):
        return False
    return not subprocess.run(["docker", "info"], check=False, capture_output=True, timeout=30).returncode


def _in_docker() -> Kafka:
    (port,) = _free_ports(1)
    settings = {
        "KAFKA_NODE_ID": "1",
        "KAFKA_PROCESS_ROLES": "broker,controller",
        "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@127.0.0.1:29093",
        "KAFKA_LISTENERS": f"PLAINTEXT://:{port},CONTROLLER://:29093",
        "KAFKA_ADVERTISED_LISTENERS": f"PLAINTEXT://127.0.0.1:{port}",
        "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
        "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
        "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
        "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
        "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
    }
    name = f"salestream-test-{uuid.uuid4().hex[:8]}"
    told = [word for pair in settings.items() for word in ("-e", "=".join(pair))]
    command = ["docker", "run", "-d", "--rm", "--name", name, "-p", f"127.0.0.1:{port}:{port}", *told, IMAGE]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise NoKafka(f"Docker cannot start {IMAGE}: {done.stderr.strip()}")
    kafka = Kafka(f"127.0.0.1:{port}", [], name)
    with ExitStack() as failed:
        failed.callback(kafka.close)
        kafka.wait()
        failed.pop_all()
    return kafka
