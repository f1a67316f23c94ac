"""The proxies that are measured, each a process of its own: none, ours, and the real one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from harness.toxiproxy import EmbeddedToxiproxy, Toxiproxy
from harness.toxiproxy.binary import RealToxiproxy
from harness.toxiproxy.choice import BadChoice, Binary, choose

_BUILT = Path(__file__).parents[3] / ".cache" / "bin" / "toxiproxy-server"

DIRECT, OURS, REAL = "direct", "ours", "real"
PATIENCE_S = 60.0
CLOCK_TICKS_PER_S = os.sysconf("SC_CLK_TCK")

Toxics = Sequence[tuple[str, Mapping[str, int]]]


@dataclass(frozen=True, slots=True)
class Way:
    """A way to the upstream: straight, or through a proxy."""

    port: int
    api_port: int = 0
    pid: int = 0

    def cpu_s(self) -> float:
        """The CPU time that the proxy has used; straight ways use none."""
        if not self.pid:
            return 0.0
        fields = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")")[1].split()
        return (int(fields[11]) + int(fields[12])) / CLOCK_TICKS_PER_S

    def resident_bytes(self) -> int:
        """The memory that the proxy's process occupies."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) * 1024


@contextmanager
def upstream(cores: Sequence[int] = ()) -> Iterator[int]:
    """The process behind the proxies, and its port."""
    command = [sys.executable, "-m", "tests.bench.proxy.upstream", *map(str, cores)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        yield int(child.stdout.readline())
        child.communicate(timeout=PATIENCE_S)


@contextmanager
def path(which: str, upstream_port: int, toxics: Toxics = ()) -> Iterator[Way]:
    """A way of a kind, with toxics upstream if it leads through a proxy. `real` must be here."""
    if which == DIRECT:
        yield Way(upstream_port)
        return
    if which == OURS:
        with EmbeddedToxiproxy(seed=1) as child:
            yield _through(child.port, child.pid, upstream_port, toxics)
        return
    binary = real_binary()
    assert binary is not None
    with RealToxiproxy(binary) as real:
        yield _through(real.port, _pid(binary, real.port), upstream_port, toxics)


def _pid(binary: Path, port: int) -> int:
    """The process of a program that was told a port."""
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            words = (process / "cmdline").read_bytes().split(b"\0")
            if words[0] == os.fsencode(binary) and str(port).encode() in words:
                return int(process.name)
    raise LookupError(f"no process of {binary} with port {port}")


def real_binary() -> Path | None:
    """A real Toxiproxy: named in the environment, built here, or on PATH; or none."""
    named = os.environ.get("SQUALL_TOXIPROXY") or (str(_BUILT) if _BUILT.exists() else "auto")
    try:
        choice = choose(named)
    except BadChoice:
        return None
    return choice.path if isinstance(choice, Binary) else None


def _through(api_port: int, pid: int, upstream_port: int, toxics: Toxics) -> Way:
    server = Toxiproxy("127.0.0.1", api_port)
    proxy = server.create("bench", f"127.0.0.1:{upstream_port}")
    for kind, attributes in toxics:
        proxy.add_toxic(kind, "upstream", attributes)
    return Way(int(proxy.listen.rpartition(":")[2]), api_port, pid)


@contextmanager
def pinned() -> Iterator[int]:
    """Hold this process and the children that it starts on one core."""
    before = os.sched_getaffinity(0)
    core = max(before)
    os.sched_setaffinity(0, {core})
    try:
        yield core
    finally:
        os.sched_setaffinity(0, before)
