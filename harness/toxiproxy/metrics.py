"""`/metrics`: the traffic of the proxies and figures of this process, as Prometheus reads them."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.toxiproxy.traffic import Ledger

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_ESCAPED = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})
_PROC = Path("/proc/self")
_STARTED_S = time.time()


@dataclass(frozen=True, slots=True)
class Metrics:
    """What is told: the proxies' traffic, the process's figures, or both (`toxiproxy.md` §1)."""

    proxy: bool = False
    runtime: bool = False

    def __bool__(self) -> bool:
        return self.proxy or self.runtime

    def text(self, ledger: Ledger) -> str:
        """The families in order of their names."""
        lines = [*(_of_process() if self.runtime else ()), *(_of_proxies(ledger) * self.proxy)]
        return "".join(f"{line}\n" for line in lines)


def _of_proxies(ledger: Ledger) -> list[str]:
    """Like the original's, without a series until it has counted something, and without a help."""
    lines: list[str] = []
    for word in ("received", "sent"):
        series = [
            (route._asdict(), count)
            for route, traffic in ledger
            if (count := traffic.received_bytes if word == "received" else traffic.sent_bytes)
        ]
        name = f"toxiproxy_proxy_{word}_bytes_total"
        lines += _family(name, "counter", "", series) if series else []
    return lines


def _of_process() -> Iterator[str]:
    """The names that Prometheus's clients agree on; those of Go's own runtime have no meaning."""
    for name, (kind, text, value) in _process_figures().items():
        yield from _family(name, kind, text, [({}, value)])


def _process_figures() -> dict[str, tuple[str, str, float]]:
    times = os.times()
    figures: dict[str, tuple[str, str, float]] = {
        "process_cpu_seconds_total": (
            "counter",
            "Total user and system CPU time spent in seconds.",
            times.user + times.system,
        ),
        "process_max_fds": (
            "gauge",
            "Maximum number of open file descriptors.",
            resource.getrlimit(resource.RLIMIT_NOFILE)[0],
        ),
    }
    if _PROC.exists():
        pages = [int(pages) for pages in (_PROC / "statm").read_text().split()]
        figures["process_open_fds"] = (
            "gauge",
            "Number of open file descriptors.",
            len(os.listdir(_PROC / "fd")) - 1,  # the listing holds one itself
        )
        figures["process_resident_memory_bytes"] = (
            "gauge",
            "Resident memory size in bytes.",
            pages[1] * resource.getpagesize(),
        )
        figures["process_virtual_memory_bytes"] = (
            "gauge",
            "Virtual memory size in bytes.",
            pages[0] * resource.getpagesize(),
        )
    figures["process_start_time_seconds"] = (
        "gauge",
        "Start time of the process since unix epoch in seconds.",
        _STARTED_S,
    )
    return dict(sorted(figures.items()))


def _family(
    name: str, kind: str, text: str, series: Sequence[tuple[Mapping[str, str], float]]
) -> Iterator[str]:
    yield f"# HELP {name} {text}"
    yield f"# TYPE {name} {kind}"
    for labels, value in series:
        told = ",".join(f'{key}="{each.translate(_ESCAPED)}"' for key, each in labels.items())
        yield f"{name}{{{told}}} {value}" if told else f"{name} {value}"
