"""A client in a process of its own: commands go in, what happens comes out, stamped there."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from harness.redact import redact

ROOT = Path(__file__).parent.parent.parent
PACKAGES = ROOT / "tests" / "real_clients"
NODE = PACKAGES / "node_modules" / ".bin" / "node"
START_WITHIN_S = 60.0
END_WITHIN_S = 15.0
_LINE_BYTES_MAX = 2**20
_SHOWN_MAX = 10_000

OnLine = Callable[[float, str, str, Any], None]
"""Called with the time of day, who, what, data."""


class ChildFailed(RuntimeError):
    """A client's process did not start, or said what cannot be understood."""


def command_of(client: str) -> list[str]:
    """What starts a client of this kind."""
    if client == "js":
        return [str(NODE), str(PACKAGES / "under_faults.mjs")]
    return [sys.executable, "-m", "tests.stories.realtime_py"]


class Child:
    """One client's process."""

    def __init__(self, process: asyncio.subprocess.Process, on_line: OnLine) -> None:
        self._process = process
        self._on_line = on_line
        self._ready = False
        self._ready_or_ended = asyncio.Event()
        self._said: list[str] = []
        self._reading = asyncio.gather(self._read(), self._complaints())

    @classmethod
    async def start(cls, client: str, on_line: OnLine) -> Child:
        """Start it. Raises `ChildFailed`."""
        try:
            process = await asyncio.create_subprocess_exec(
                *command_of(client),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                limit=_LINE_BYTES_MAX,
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
            )
        except OSError as error:
            raise ChildFailed(f"cannot start {command_of(client)[0]}: {error.strerror}") from None
        return cls(process, on_line)

    async def ready(self) -> None:
        """Wait until it has made its client. Raises `ChildFailed`."""
        with suppress(TimeoutError):
            async with asyncio.timeout(START_WITHIN_S):
                await self._ready_or_ended.wait()
        if not self._ready:
            said = self._said[-1] if self._said else "it said nothing"
            raise ChildFailed(f"the client's process did not get ready: {said}")

    def do(self, name: str, **options: Any) -> None:
        """Hand a command over; a process that has ended does nothing more."""
        assert self._process.stdin is not None
        if not self._process.stdin.is_closing():
            self._process.stdin.write(json.dumps({"do": name, **options}).encode() + b"\n")

    async def ended(self) -> int:
        """Its exit code, once it has ended; a process that does not is killed."""
        try:
            async with asyncio.timeout(END_WITHIN_S):
                await asyncio.shield(self._reading)
                return await self._process.wait()
        except TimeoutError:
            return await self.kill()

    async def kill(self) -> int:
        """End it now. Idempotent."""
        if self._process.returncode is None:
            self._process.kill()
        await asyncio.wait([self._reading])
        return await self._process.wait()

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            try:
                told = json.loads(line)
                at_s, who, what, data = (told[key] for key in ("at", "who", "what", "data"))
            except (ValueError, KeyError, TypeError):
                self._said.append(redact(line.decode(errors="replace").strip()))
                continue
            self._on_line(at_s, who, what, data)
            if (who, what) == ("app", "ready"):
                self._ready = True
                self._ready_or_ended.set()
        self._ready_or_ended.set()

    async def _complaints(self) -> None:
        assert self._process.stderr is not None
        async for line in self._process.stderr:
            if len(self._said) < _SHOWN_MAX and line.strip():
                self._said.append(redact(line.decode(errors="replace").rstrip()))
