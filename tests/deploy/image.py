"""Make the image without a container: the Dockerfile's steps in clean chroots, and a worker that crawls there.

``python -m tests.deploy.image`` needs root, debootstrap and the network. Nothing of the system's own Python is seen.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from bench.server import serve
from bench.site import Site
from tests.support import ROOT, query, until

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCKERFILE = ROOT / "deploy/Dockerfile"
MIRROR = os.environ.get("MIRROR", "http://deb.debian.org/debian")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Step(NamedTuple):
    """One instruction of a Dockerfile."""

    name: str
    rest: str


def read(text: str) -> list[Step]:
    """The instructions, with their continued lines joined."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n", " ", "\n".join(lines))
    return [Step(*line.split(maxsplit=1)) for line in joined.splitlines() if line.strip()]


class Stage:
    """One stage of the build: a directory that its steps change."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.directory = "/"
        self.user = "0:0"
        self.environment = {"PATH": PATH, "LANG": "C.UTF-8"}
        self.words: dict[str, list[str]] = {}
        """ENTRYPOINT, CMD and HEALTHCHECK."""

    def run(self, command: list[str], **options: object) -> subprocess.Popen[bytes]:
        user, _, group = self.user.partition(":")
        chroot = ["chroot", f"--userspec={user}:{group}", f"--groups={group}", str(self.root)]
        inner = ["sh", "-c", f'cd {self.directory} && exec "$@"', "sh", *command]
        passed = {
            name: value for name, value in os.environ.items() if name.startswith("PIP_") or "_proxy" in name.lower()
        }
        return subprocess.Popen([*chroot, *inner], env={**passed, **self.environment}, **options)  # type: ignore[call-overload, no-any-return]

    def do(self, step: Step, stages: dict[str, Stage]) -> None:
        print(f"{step.name} {step.rest[:100]}", flush=True)
        getattr(self, f"_{step.name.lower()}")(step.rest, stages)

    def _run(self, rest: str, _: dict[str, Stage]) -> None:
        if self.run(["sh", "-ec", rest]).wait():
            raise SystemExit(f"this step failed: {rest}")

    def _copy(self, rest: str, stages: dict[str, Stage]) -> None:
        words = shlex.split(rest)
        source = ROOT
        if words[0].startswith("--from="):
            source = stages[words.pop(0).removeprefix("--from=")].root
        *names, target = words
        place = self.root / (target if target.startswith("/") else f"{self.directory}/{target}").lstrip("/")
        for name in names:
            found = source / name.lstrip("/")
            inside = place / found.name if target.endswith(("./", "/")) else place
            inside.parent.mkdir(parents=True, exist_ok=True)
            subprocess.run(["cp", "--archive", "--no-target-directory", found, inside], check=True)

    def _env(self, rest: str, _: dict[str, Stage]) -> None:
        for word in shlex.split(rest):
            name, _sign, value = word.partition("=")
            self.environment[name] = value.replace("$PATH", self.environment["PATH"])

    def _workdir(self, rest: str, _: dict[str, Stage]) -> None:
        self.directory = rest
        (self.root / rest.lstrip("/")).mkdir(parents=True, exist_ok=True)

    def _user(self, rest: str, _: dict[str, Stage]) -> None:
        self.user = rest

    def _entrypoint(self, rest: str, _: dict[str, Stage]) -> None:
        self.words["ENTRYPOINT"] = json.loads(rest)

    def _cmd(self, rest: str, _: dict[str, Stage]) -> None:
        self.words["CMD"] = json.loads(rest)

    def _healthcheck(self, rest: str, _: dict[str, Stage]) -> None:
        self.words["HEALTHCHECK"] = json.loads(rest.partition("CMD")[2])

    def _volume(self, rest: str, stages: dict[str, Stage]) -> None:
        """Nothing to do."""

    _expose = _stopsignal = _volume


def base(name: str, directory: Path) -> None:
    """What ``debian:SUITE-slim`` is, about."""
    suite = re.fullmatch(r"debian:(\w+)-slim", name)
    assert suite, name
    cached = Path(tempfile.gettempdir()) / f"pdfspider-debian-{suite[1]}"
    if not (cached / "usr/bin/dpkg").exists():
        partial = cached.with_suffix(".new")
        shutil.rmtree(partial, ignore_errors=True)
        subprocess.run(
            ["debootstrap", "--variant=minbase", suite[1], partial, MIRROR], check=True, stdout=subprocess.DEVNULL
        )
        partial.rename(cached)
    subprocess.run(["cp", "--archive", "--no-target-directory", cached, directory], check=True)
    for file in ("resolv.conf", "pip.conf", "ssl/certs/ca-certificates.crt"):  # how this machine reaches the network
        if (found := Path("/etc") / file).exists():
            (directory / "etc" / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(found, directory / "etc" / file)


@contextmanager
def mounted(root: Path, *, read_only: bool) -> Iterator[None]:
    """The file systems that a container has."""
    made = []

    def mount(*words: str, at: str) -> None:
        subprocess.run(["mount", *words, str(root / at.lstrip("/"))], check=True)
        made.append(root / at.lstrip("/"))

    try:
        if read_only:
            mount("--bind", str(root), at="/")
            mount("-t", "tmpfs", "-o", "mode=755,uid=10001,gid=10001", "tmpfs", at="/data")
            mount("-t", "tmpfs", "tmpfs", at="/tmp")
        mount("-t", "proc", "proc", at="/proc")
        mount("--bind", "/dev", at="/dev")
        if read_only:
            subprocess.run(["mount", "-o", "remount,bind,ro", str(root)], check=True)
        yield
    finally:
        for place in reversed(made):
            subprocess.run(["umount", "--lazy", str(place)], check=False)


def build(directory: Path) -> Stage:
    stages: dict[str, Stage] = {}
    stage = None
    for step in read(DOCKERFILE.read_text("utf-8")):
        if step.name == "FROM":
            image, _, alias = step.rest.partition(" AS ")
            stage = stages[alias or "final"] = Stage(directory / (alias or "final"))
            base(image, stage.root)
            continue
        assert stage
        with mounted(stage.root, read_only=False):
            stage.do(step, stages)
    return stages["final"]


def crawl(image: Stage) -> None:
    """Run a worker as a container would, with a read-only root, and check what it brings."""
    with serve(Site(hosts=1, pages=6, documents=9)) as server, mounted(image.root, read_only=True):
        quick = ["-s", "DOWNLOAD_DELAY=0", "-s", "CONCURRENT_REQUESTS_PER_DOMAIN=8"]
        entry = image.words["ENTRYPOINT"]
        worker = image.run([*entry, *image.words["CMD"], *quick])
        try:
            until(lambda: image.run(image.words["HEALTHCHECK"], stderr=subprocess.DEVNULL).wait() == 0)
            print("the worker is healthy", flush=True)
            assert image.run([*entry, "submit", server.url, "--job", "j"]).wait() == 0
            database = image.root / "data/pdfs.db"
            until(lambda: _documents(database) >= 9)
        finally:
            worker.send_signal(signal.SIGTERM)
            code = worker.wait(120)
        assert code == 0, code
        found = len(list((image.root / "data/files").glob("??/??/*.pdf")))
        print(f"a worker in the image has brought {_documents(database)} documents, {found} files", flush=True)
        assert image.run([*entry, "status"]).wait() == 0


def _documents(database: Path) -> int:
    if not database.exists():
        return 0
    (row,) = query(database, "SELECT count(*) AS number FROM captures WHERE outcome = 'document'")
    return int(row["number"])


def main() -> None:
    if os.geteuid() or not shutil.which("debootstrap"):
        raise SystemExit("it needs root and debootstrap: apt-get install debootstrap")
    directory = Path(tempfile.mkdtemp(prefix="pdfspider-image-"))
    try:
        image = build(directory)
        crawl(image)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
