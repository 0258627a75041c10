"""What is in ``deploy/`` passes the validators of its kind, and says what the code needs."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
import yaml

from pdfspider import settings
from tests.deploy.image import read
from tests.support import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

DEPLOY = ROOT / "deploy"
CHART = DEPLOY / "helm/pdfspider"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
MOST_EXPOSED = 3.0
COMPOSE_SCHEMA = ("github.com/compose-spec/compose-go/v2@v2.16.2", "schema/compose-spec.json")
KEDA_CRD = ("github.com/kedacore/keda/v2@v2.21.0", "config/crd/bases/keda.sh_scaledobjects.yaml")
HELM = "helm.sh/helm/v4/cmd/helm@latest"
VARIANTS = (
    {},
    {"autoscaling.enabled": "false", "networkPolicy.enabled": "false", "podMonitor.enabled": "true"},
    {"gateway.enabled": "false", "autoscaling.enabled": "false", "dashboard.enabled": "false"},
    {"s3.keysFromSecret": "true", "s3.endpoint": "http://s3:9000", "settings.DOWNLOAD_DELAY": "1"},
)
needs_go = pytest.mark.skipif(not shutil.which("go"), reason="no Go: helm and the schemas come as Go modules")
needs_systemd = pytest.mark.skipif(
    not shutil.which("systemd-analyze"), reason="no systemd-analyze: apt-get install systemd"
)


def compose() -> dict[str, Any]:
    return dict(yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8")))


def test_hadolint_finds_nothing_in_the_dockerfile() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([hadolint, DEPLOY / "Dockerfile"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_image_runs_as_nobody_in_particular_and_tells_its_health() -> None:
    steps = read((DEPLOY / "Dockerfile").read_text("utf-8"))
    last = steps[max(i for i, step in enumerate(steps) if step.name == "FROM") :]
    assert ("USER", "10001:10001") in last
    assert {"HEALTHCHECK", "ENTRYPOINT", "STOPSIGNAL"} <= {step.name for step in last}


def test_what_the_image_is_made_of_is_locked_with_hashes() -> None:
    locked = (DEPLOY / "requirements.txt").read_text("utf-8")
    pinned = re.findall(r"^([\w.-]+(?:\[\w+\])?)==", locked, re.MULTILINE)
    assert {"scrapy", "prometheus-client", "croniter", "grpcio"} <= {name.partition("[")[0] for name in pinned}
    assert locked.count("--hash=sha256:") > len(pinned)


def test_every_service_of_ours_is_confined_and_has_time_to_end() -> None:
    found = compose()
    for name in ("worker", "gateway", "dashboard"):
        service = found["services"][name]
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"]
        assert int(service["stop_grace_period"].removesuffix("s")) > settings.FRONTIER_GRACE
    ports = [port for service in found["services"].values() for port in service.get("ports", [])]
    assert all(port.startswith("127.0.0.1:") for port in ports), "nothing is published beyond this machine"


def test_secrets_come_by_reference_only() -> None:
    found = compose()
    for service in found["services"].values():
        for name, value in (service.get("environment") or {}).items():
            if re.search("PASSWORD|TOKEN|SECRET|REDIS_URL|DATABASE_URL", name):
                assert "/run/secrets/" in value, name
    for path in CHART.rglob("*.yaml"):
        for name, value in re.findall(
            r"name: (PDFSPIDER_\w+(?:TOKEN|SECRET|URL)\w*), value: ([^}]+)", path.read_text()
        ):
            assert "/run/secrets/" in value or name.endswith(("GATEWAY_URLS", "DASHBOARD_URL", "ENDPOINT_URL")), name


def test_every_setting_that_is_named_exists() -> None:
    for path in [DEPLOY / "compose.yaml", DEPLOY / "Dockerfile", *UNITS, *CHART.rglob("*.yaml"), *CHART.rglob("*.tpl")]:
        for name in re.findall(r"PDFSPIDER_([A-Z][A-Z0-9_]+)", path.read_text("utf-8")):
            known = name.removesuffix("_FILE")
            assert known in ("IMAGE", "NAME") or known.startswith("AWS_") or hasattr(settings, known), f"{path}: {name}"


@needs_systemd
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit_is_valid_and_little_exposed(unit: Path, tmp_path: Path) -> None:
    program = tmp_path / "pdfspider"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    text = unit.read_text("utf-8").replace("/opt/pdfspider/bin/pdfspider", str(program))
    copy = tmp_path / unit.name.replace("@", "@9464")
    copy.write_text(re.sub("EnvironmentFile=", "EnvironmentFile=-", text))
    done = subprocess.run(["systemd-analyze", "verify", copy], capture_output=True, text=True, check=False)
    ours = [line for line in done.stderr.splitlines() if unit.stem.partition("@")[0] in line]
    assert not ours, done.stderr
    analyze = ["systemd-analyze", "security", "--offline=true", copy]
    done = subprocess.run(analyze, capture_output=True, text=True, check=False)
    exposure = re.search(r"exposure level for \S+: ([\d.]+)", done.stdout)
    assert exposure
    assert float(exposure[1]) < MOST_EXPOSED


# With tools and schemas that are not installed with the tests: make manifests


def go_module(module: str) -> Path:
    done = subprocess.run(
        ["go", "mod", "download", "-json", module], cwd="/", capture_output=True, text=True, check=True
    )
    return Path(json.loads(done.stdout)["Dir"])


@pytest.fixture(scope="session")
def helm(tmp_path_factory: pytest.TempPathFactory) -> str:
    if found := shutil.which("helm"):
        return found
    directory = tmp_path_factory.mktemp("helm")
    environment = {"GOBIN": str(directory), "PATH": "/usr/local/go/bin:/usr/bin:/bin", "HOME": str(Path.home())}
    subprocess.run(["go", "install", HELM], env=environment, check=True)
    return str(directory / "helm")


@needs_go
@pytest.mark.slow
def test_the_compose_file_follows_its_specification() -> None:
    module, path = COMPOSE_SCHEMA
    schema = json.loads((go_module(module) / path).read_text("utf-8"))
    jsonschema.validate(compose(), schema)


def rendered(helm: str, values: dict[str, str]) -> Iterator[dict[str, Any]]:
    words = [f"--set={name}={value}" for name, value in values.items()]
    done = subprocess.run([helm, "template", "fleet", CHART, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    yield from (document for document in yaml.safe_load_all(done.stdout) if document)


@needs_go
@pytest.mark.slow
@pytest.mark.parametrize("values", VARIANTS, ids=str)
def test_the_chart_makes_valid_manifests(helm: str, values: dict[str, str]) -> None:
    import kubernetes_validate  # noqa: PLC0415 - only here

    done = subprocess.run([helm, "lint", "--strict", CHART], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    module, path = KEDA_CRD
    crd = yaml.safe_load((go_module(module) / path).read_text("utf-8"))
    keda = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    kinds = []
    for manifest in rendered(helm, values):
        kinds.append(manifest["kind"])
        if manifest["kind"] == "ScaledObject":
            jsonschema.validate(manifest, keda)
            (trigger,) = manifest["spec"]["triggers"]
            assert trigger["metadata"]["valueLocation"] == "pdfspider_workers_wanted"
            assert manifest["spec"]["minReplicaCount"] == 0
        elif manifest["kind"] != "PodMonitor":
            kubernetes_validate.validate(manifest, "1.33", strict=True)
        if manifest["kind"] == "Deployment":
            _check_pod(manifest["spec"]["template"]["spec"])
    assert ("ScaledObject" in kinds) == (values.get("autoscaling.enabled") != "false")


def _check_pod(pod: dict[str, Any]) -> None:
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert container["securityContext"]["readOnlyRootFilesystem"]
    assert {"startupProbe", "livenessProbe", "readinessProbe", "resources"} <= container.keys()
    assert pod.get("terminationGracePeriodSeconds", 30) > settings.FRONTIER_GRACE
