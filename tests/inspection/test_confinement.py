"""What a process that inspects cannot do, tried by native calls: as a document would that has taken PDFium over."""

from __future__ import annotations

import json
import os
import platform
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pdfspider.documents.inspection import landlock, seccomp
from pdfspider.documents.inspection.inspector import DocumentUnavailable, Inspector
from pdfspider.documents.inspection.limits import MAX_MAPPED, InspectionLimits
from pdfspider.documents.inspection.pool import InspectorPool
from pdfspider.documents.inspection.report import InspectionStatus
from pdfspider.embedded import EmbeddedRedis
from tests.inspection.malformed import one_page, stream

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
USER = 54321
"""Somebody who is not root."""
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="layers of Linux")

ABI = landlock.version()
HAS_SECCOMP = platform.machine() in seccomp.MACHINES
ROOT_ONLY = pytest.mark.skipif(os.getuid() != 0, reason="another user takes root")

READS = {"environment of the worker", "memory of the worker", "a private file", "a file for all", "a directory"}
WRITES = {"create", "write", "unlink", "rename", "symlink"}
SIGNALS = {"signal", "signal by descriptor"}
TCP = {"TCP", "listen"}
PROCESSES = {"ptrace", "read memory"}
SYSTEM = {"namespace", "io_uring", "its own program"}
"""What a system may forbid everybody, and where Python lies."""
UNRESTRICTED = {"chmod", "Redis", "UDP", "namespace", "io_uring", "executable memory", "fork"}
"""What Landlock knows nothing of."""
NEVER = {"shadow", "root", "own environment"}
"""What a process without dumps of a user who is not root may not do in any case."""


def open_by_version(abi: int) -> set[str]:
    """What is open to a process of the worker's user that has nothing but Landlock in this version."""
    found = set(UNRESTRICTED)
    found |= {"truncate"} if abi < 3 else set()
    found |= TCP if abi < 4 else set()
    found |= {"abstract socket", *SIGNALS} if abi < 6 else set()
    return found | (READS | WRITES | PROCESSES | {"program"} if not abi else set())


@pytest.fixture(scope="module")
def directory() -> Iterator[Path]:
    """A store that every user can come to."""
    path = Path(tempfile.mkdtemp(prefix="store-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)  # Redis may still be ending


@pytest.fixture(scope="module")
def place(directory: Path) -> Iterator[dict[str, Any]]:
    """What a process may try itself at: files, sockets of all kinds, and this process."""
    abstract, tcp = f"pdfspider-{os.getpid()}", socket.create_server(("127.0.0.1", 0))
    unix = socket.socket(socket.AF_UNIX)
    unix.bind(f"\0{abstract}")
    unix.listen()
    with EmbeddedRedis(directory / "redis") as redis, closing(tcp), closing(unix):
        yield {
            "store": str(directory),
            "redis": redis.url.partition("://")[2].partition("?")[0],
            "abstract": abstract,
            "port": tcp.getsockname()[1],
            "worker": os.getpid(),
            "user": 0,
        }


@pytest.fixture(scope="module")
def users_place(place: dict[str, Any], directory: Path) -> Iterator[dict[str, Any]]:
    """The same, where the worker is no root: another process of that user stands for it."""
    worker = subprocess.Popen(["sleep", "600"], user=USER)
    shutil.chown(directory, USER)
    with closing(socket.socket(socket.AF_UNIX)) as unix:
        unix.bind(f"{directory}/socket")
        unix.listen()
        (directory / "socket").chmod(0o666)
        yield {**place, "redis": f"{directory}/socket", "worker": worker.pid, "user": USER}
    worker.kill()
    worker.wait()


def results(place: dict[str, Any], *without: str, abi: int = 99) -> dict[str, Any]:
    """What became of each attempt of a process that was confined without these layers."""
    for name, mode in {"private": 0o600, "document": 0o644}.items():
        file = Path(place["store"], name)
        file.write_text("a document")
        file.chmod(mode)
        shutil.chown(file, place["user"])
    for name in ("moved", "link", "new"):
        Path(place["store"], name).unlink(missing_ok=True)
    command = [sys.executable, "-m", "tests.inspection.attempts", json.dumps({**place, "without": without, "abi": abi})]
    path = os.pathsep.join([str(ROOT), *filter(None, sys.path)])
    done = subprocess.run(command, env={"PYTHONPATH": path}, stdout=subprocess.PIPE, text=True, check=False, cwd="/")
    found: dict[str, Any] = {}
    for line in done.stdout.splitlines():
        found |= json.loads(line)
    assert "program" in found, done
    return found


def opened(found: dict[str, Any]) -> set[str]:
    return {name for name, result in found.items() if result == "done"}


def test_nothing_is_open_to_it(place: dict[str, Any]) -> None:
    found = results(place)
    missing = {name for name, has in {"seccomp": HAS_SECCOMP, "Landlock": ABI}.items() if not has}
    assert missing == {"seccomp", "Landlock"} & set(found["lacking"])
    if HAS_SECCOMP:
        assert {result for name, result in found.items() if name != "lacking"} <= {"EPERM", "EACCES"}
    assert Path(place["store"], "document").read_text() == "a document"


def test_nothing_is_open_without_landlock_and_all_else(place: dict[str, Any]) -> None:
    if not HAS_SECCOMP:
        pytest.skip("no seccomp for this machine")
    found = results(place, "user", "network", abi=0)
    assert found["lacking"] == ["Landlock", "network namespaces", *["a user of its own"] * (os.getuid() == 0)]
    assert opened(found) == set()


@ROOT_ONLY
@pytest.mark.parametrize("abi", [*range(ABI + 1)])
def test_what_is_open_by_the_version_of_landlock(users_place: dict[str, Any], abi: int) -> None:
    """Where the kernel has neither seccomp nor namespaces, and the worker is no root."""
    found = results(users_place, "seccomp", "network", abi=abi)
    assert opened(found) - SYSTEM == open_by_version(abi) - SYSTEM
    assert not opened(found) & NEVER


@ROOT_ONLY
def test_a_user_of_its_own_keeps_it_from_what_is_the_worker_s(place: dict[str, Any]) -> None:
    found = results(place, "seccomp", "network", abi=0)
    everybodys = {"a file for all", "a directory", "abstract socket", "UDP", "fork", "program", "executable memory"}
    assert opened(found) - SYSTEM == everybodys | TCP


@ROOT_ONLY
def test_a_namespace_keeps_it_from_the_network(users_place: dict[str, Any]) -> None:
    """By a user namespace, which not every system allows."""
    found = results(users_place, "seccomp", abi=0)
    if "network namespaces" in found["lacking"]:
        pytest.skip("no user namespaces")
    assert not opened(found) & {"TCP", "UDP", "abstract socket", "root"}


def test_a_document_cannot_be_taken_for_its_name(tmp_path: Path) -> None:
    """A path that is no file is refused, and not waited for."""
    os.mkfifo(tmp_path / "fifo")
    inspector = Inspector(InspectionLimits())
    for path in (tmp_path / "fifo", tmp_path):
        with pytest.raises(DocumentUnavailable, match="is not a file"):
            inspector.inspect(str(path))
    inspector.close()


@pytest.mark.parametrize("size", [1 << 10, MAX_MAPPED + 1])
def test_documents_of_all_sizes_come_as_open_files(tmp_path: Path, size: int) -> None:
    path = tmp_path / "large.pdf"
    path.write_bytes(one_page(b"/Contents 4 0 R", stream(b" " * size)))
    inspector = Inspector(InspectionLimits(thumbnail=True))
    report = inspector.inspect(str(path))
    inspector.close()
    assert (report.status, report.pages, bool(report.thumbnail)) == (InspectionStatus.OK, 1, True), report


async def test_what_is_lacking_is_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "a.pdf").write_bytes(b"")
    code = 'import time; print(\'{"lacking": ["seccomp", "Landlock"]}\', flush=True); time.sleep(60)'
    pool = InspectorPool(1, InspectionLimits(timeout=0.1), ("-c", code))
    await pool.inspect([str(tmp_path / "a.pdf")] * 2)
    await pool.close()
    assert [record.getMessage() for record in caplog.records] == [
        "PDFs are inspected without seccomp, Landlock: this system does not allow it"
    ]


def decide(machine: str, number: int, *arguments: int, may_open: bool = False, audit: int | None = None) -> int:
    """What the filter for a machine says, by the rules of classic BPF."""
    program = [*seccomp._program(seccomp.MACHINES[machine], may_open=may_open)]
    architecture = audit or seccomp.MACHINES[machine].audit_number
    data = struct.pack("<iIQ6Q", number, architecture, 0, *[*arguments, *[0] * 6][:6])
    position = value = 0
    while True:
        code, if_true, if_false, operand = (getattr(program[position], name) for name, _ in program[position]._fields_)
        position += 1
        if code == seccomp.RETURN:
            return int(operand)
        if code == seccomp.LOAD_WORD:
            (value,) = struct.unpack_from("<I", data, operand)
            continue
        tests = {0x15: value == operand, 0x35: value >= operand, 0x45: bool(value & operand)}
        position += if_true if tests[code] else if_false


@pytest.mark.parametrize(("machine", "column"), [("x86_64", 0), ("aarch64", 1)])
def test_the_filter_of_each_machine(machine: str, column: int) -> None:
    def allows(number: int, *arguments: int, **others: Any) -> bool:
        return decide(machine, number, *arguments, **others) == seccomp.ALLOW

    for numbers in seccomp.READING.values():
        assert numbers[column] is None or allows(numbers[column])
    for numbers in seccomp.OPENING.values():
        assert numbers[column] is None or (allows(numbers[column], may_open=True) and not allows(numbers[column]))
    numbers = {name: pair[column] for name, pair in {**seccomp.MAPPING, **seccomp.SIGNALLING}.items()}
    mine = os.getpid()
    assert allows(numbers["mmap"], 0, 4096, 3)
    assert not allows(numbers["mmap"], 0, 4096, 7)
    assert not allows(numbers["mprotect"], 0, 4096, 5)
    for name in seccomp.SIGNALLING:
        assert allows(numbers[name], mine)
        assert not any(allows(numbers[name], other) for other in (0, 1, os.getppid(), 2**64 - mine, 2**32 - 1))
    assert allows(seccomp.LIMITING["prlimit64"][column], 0)
    assert not allows(seccomp.LIMITING["prlimit64"][column], os.getppid())
    assert allows(seccomp.DESCRIPTORS["fcntl"][column], 0, 1)
    assert not allows(seccomp.DESCRIPTORS["fcntl"][column], 0, 8)
    known = {
        pair[column]
        for name in dir(seccomp)
        if isinstance(table := getattr(seccomp, name), dict)
        for pair in table.values()
        if isinstance(pair, tuple)
    }
    assert not any(allows(number) for number in range(600) if number not in known)
    assert not allows(numbers["mmap"] | seccomp.X32_BIT)
    assert not allows(seccomp.READING["read"][column], audit=0x40000003)
