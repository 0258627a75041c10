"""A Kafka of the tests' own: one node in KRaft mode on loopback ports, of the jars that Maven has."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from bench.processes import free_port
from tests.support import PATIENCE, until

if TYPE_CHECKING:
    from tests.certificates import Certificates

VERSION = "4.2.0"
"""The broker needs Java 17."""
PROJECT = f"""<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion><groupId>pdfspider</groupId><artifactId>broker</artifactId><version>1</version>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{VERSION}</version></dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version></dependency>
  </dependencies>
</project>
"""
CONFIG = """process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
log.dirs={directory}/data
num.partitions=3
offsets.topic.num.partitions=3
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
broker.session.timeout.ms=1000
broker.heartbeat.interval.ms=200
"""
TLS = """listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SSL:SSL
ssl.keystore.type=PEM
ssl.keystore.location={keystore}
ssl.truststore.type=PEM
ssl.truststore.location={ca}
ssl.client.auth=required
"""
JAVA = (
    "java",
    "-Xms64m",
    "-Xmx256m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
)


class Kafka(Protocol):
    """A broker: its address, how long its groups wait for one that was killed (ms), and what may be done to it."""

    address: str
    session: int

    def start(self) -> None: ...

    def restart(self) -> None: ...

    def kill(self) -> None: ...


class GivenKafka:
    """The broker at KAFKA_URL, which belongs to somebody: it is left as it is."""

    session = 6000

    def __init__(self, url: str) -> None:
        self.address = url.removeprefix("kafka://")

    def start(self) -> None: ...

    def restart(self) -> None: ...

    def kill(self) -> None: ...


def broker(directory: Path) -> Kafka:
    url = os.environ.get("KAFKA_URL")
    return GivenKafka(url) if url else KafkaProcess(directory)


def jars() -> Path:
    """The directory of the broker's jars, fetched where they are not there yet."""
    kept = Path(sys.prefix) / f"kafka-{VERSION}"
    if missing := [program for program in ("java", "mvn") if shutil.which(program) is None]:
        pytest.skip(f"no {' and no '.join(missing)}: install Java 17 and Maven, or name a broker in KAFKA_URL")
    if not kept.exists():
        with tempfile.TemporaryDirectory(dir=sys.prefix) as directory:
            (Path(directory) / "pom.xml").write_text(PROJECT)
            run("mvn", "--quiet", "--batch-mode", "dependency:copy-dependencies", cwd=directory)
            with suppress(OSError):  # somebody else was quicker
                (Path(directory) / "target" / "dependency").rename(kept)
    return kept


def run(*command: str | Path, cwd: str | Path | None = None) -> None:
    done = subprocess.run(command, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


class KafkaProcess:
    session = 2000
    """Milliseconds for which the group waits for one that was killed: it allows no less than 1000."""

    def __init__(self, directory: Path, certificates: Certificates | None = None) -> None:
        self.directory = directory
        port, self.tls_port = free_port(), free_port()
        self.address = f"127.0.0.1:{port}"
        self._java = (*JAVA, "-cp", f"{jars()}/*")
        self._config = directory / "server.properties"
        config = CONFIG.format(port=port, controller=free_port(), directory=directory)
        self._config.write_text(self._with_tls(config, certificates) if certificates else config)
        cluster = "pdfspider-tests-000000"  # 16 bytes in base64
        run(*self._java, "kafka.tools.StorageTool", "format", "-t", cluster, "-c", self._config)
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def _with_tls(self, config: str, certificates: Certificates) -> str:
        """The configuration with one more listener, where clients need a certificate."""
        keystore = self.directory / "keystore.pem"
        keystore.write_bytes(certificates.server_key.read_bytes() + certificates.server.read_bytes())
        more = f"SSL://127.0.0.1:{self.tls_port}"
        return config.replace("listeners=PLAINTEXT", f"listeners={more},PLAINTEXT", 1) + TLS.format(
            keystore=keystore, ca=certificates.ca
        )

    def start(self) -> None:
        with (self.directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*self._java, "kafka.Kafka", self._config],
                cwd=self.directory,
                env={"PATH": os.environ["PATH"]},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        until(self._answers)

    def kill(self) -> None:
        """As kill -9."""
        if self._process:
            self._process.kill()
            self._process.wait(PATIENCE)
            self._process = None

    def restart(self) -> None:
        self.kill()
        self.start()

    def _answers(self) -> bool:
        assert self._process
        assert self._process.poll() is None, (self.directory / "log").read_text()
        with suppress(KafkaException):
            return bool(AdminClient({"bootstrap.servers": self.address, "log_level": 0}).list_topics(timeout=1).brokers)
        return False
