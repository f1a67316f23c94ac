"""A client that is a program of its own, in any language: ops as JSON lines over its pipes.

Standard input brings one call a line, standard output takes one answer or event a line, standard
error is for people. `docs/adding/client.md` shows each of them.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import signal
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import replace
from random import Random
from typing import Any

from harness.clients.contract import Listener
from harness.clients.crowd import crowd
from harness.clients.held_topics import HeldTopics
from harness.history import Op
from harness.nemesis import CannotExpress
from harness.redact import redact
from harness.sim import SimLoop

LINE_BYTES_MAX = 1 << 20
ANSWER_WITHIN_S = 60.0
"""The longest that a call waits for the program; the runner waits for less."""
END_WITHIN_S = 3.0
WORDS_KEPT = 5
"""Lines of standard error that are kept for the error of a program that has ended."""
_ANSWERS = ("ok", "fail", "info")
_TYPES = ("invoke", *_ANSWERS)


class ProgramFailed(RuntimeError):
    """The program ended, or said what is no op: shows its last words, without secrets."""


class Program:
    """Speaks the client contract for a program; `Program(["node", "client.mjs"], rng)`.

    The program gets its calls by standard input, keys and tokens among them: nothing secret is in
    its arguments or environment. Made in a run, it raises `CannotExpress` in virtual time.
    """

    def __init__(self, command: Sequence[str], rng: Random) -> None:
        with suppress(RuntimeError):  # Made outside of a run.
            if isinstance(asyncio.get_running_loop(), SimLoop):
                raise CannotExpress("a process of its own cannot live in virtual time")
        self._command = list(command)
        self._seed = rng.getrandbits(53)
        self._listener: Listener = lambda op: None
        self._name = ""
        self._ids = itertools.count(1)
        self._running: asyncio.subprocess.Process | None = None
        self._over = "the program does not run"
        self._waiting: dict[int, asyncio.Future[Op]] = {}
        self._held = HeldTopics()
        # Held while the program starts and while it ends.
        self._turn = asyncio.Lock()
        self._tasks: list[asyncio.Task[None]] = []
        self._words: deque[str] = deque(maxlen=WORDS_KEPT)

    # The contract.

    async def open(self, url: str, name: str) -> None:
        """Start the program, unless it runs, and let it connect. Raises `ProgramFailed`."""
        self._name = name
        async with crowd().start() if self._ended_or_new else nullcontext():
            async with self._turn:
                if self._ended_or_new:
                    await self._begin()
            opened = await self._ask("open", {"url": url, "name": name, "seed": self._seed})
        if opened.type != "ok":
            raise ProgramFailed(opened.error or "the program did not open")

    def on_event(self, listener: Listener) -> None:
        """Pass on its events."""
        self._listener = listener

    async def invoke(self, op: Op) -> Op:
        """Ask the program."""
        done = await self._ask(op.f, op.value)
        return replace(op, type=done.type, error=done.error)

    async def close(self) -> None:
        """Let it close, then end it for sure."""
        async with self._turn:
            if self._running is None:
                return
            self.resume()
            try:
                with suppress(ProgramFailed, TimeoutError):
                    async with asyncio.timeout(END_WITHIN_S):
                        await self._ask("close", {})
            finally:
                await self.kill()

    # A process of its own.

    def suspend(self) -> None:
        """SIGSTOP: it stands still, with its sockets open."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        self._signal(signal.SIGCONT)

    async def kill(self) -> None:
        """SIGKILL. What was joined is lost, and whoever watches the process knows it."""
        running, self._running = self._running, None
        if running is None:
            return
        with suppress(ProcessLookupError):
            running.kill()
        await running.wait()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def meddle(self, f: str, value: Mapping[str, Any]) -> None:
        """Ask for something that is no call of an application: `OwnProcess.meddle` lists them.

        Raises `CannotExpress` for a program that does not know it.
        """
        done = await self._ask(f, value)
        if done.type != "ok":
            raise CannotExpress(f"the program does not know {f!r}: {done.error}")

    # The pipes.

    @property
    def _ended_or_new(self) -> bool:
        return self._running is None or bool(self._over)

    async def _begin(self) -> None:
        self._running, self._over = await self._start(), ""
        self._tasks = [
            asyncio.create_task(self._read(self._running)),
            asyncio.create_task(self._read_words(self._running)),
        ]

    async def _start(self) -> asyncio.subprocess.Process:
        pipe = asyncio.subprocess.PIPE
        try:
            return await asyncio.create_subprocess_exec(
                *self._command, stdin=pipe, stdout=pipe, stderr=pipe, limit=LINE_BYTES_MAX
            )
        except OSError as error:
            raise ProgramFailed(
                f"cannot start {self._command[0]!r}: {error.strerror}; is it installed and on PATH?"
            ) from None

    def _signal(self, number: signal.Signals) -> None:
        if self._running is not None:
            with suppress(ProcessLookupError):
                self._running.send_signal(number)

    async def _ask(self, f: str, value: Mapping[str, Any]) -> Op:
        if self._over or self._running is None or self._running.stdin is None:
            raise ProgramFailed(self._over)
        number = self._say(self._running.stdin, f, value)
        answer: asyncio.Future[Op] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                # A program that stands still reads nothing: the pipe is not waited for.
                return await answer
        except asyncio.CancelledError:
            self._say(self._running.stdin, "cancel", {"id": number})
            raise
        finally:
            del self._waiting[number]

    def _say(self, pipe: asyncio.StreamWriter, f: str, value: Mapping[str, Any]) -> int:
        number = next(self._ids)
        op = {"id": number, "process": self._name, "type": "invoke", "f": f, "value": dict(value)}
        pipe.write(json.dumps(op).encode() + b"\n")
        return number

    async def _read(self, running: asyncio.subprocess.Process) -> None:
        assert running.stdout is not None
        problem = ""
        try:
            while line := await running.stdout.readline():
                self._take(line)
        except (ValueError, ProgramFailed) as error:
            problem = f": {error}"
            with suppress(ProcessLookupError):
                running.kill()
        await running.wait()
        self._ended(problem or f" with {running.returncode}")

    def _take(self, line: bytes) -> None:
        op = read_op(line, self._name)
        if op.id is not None and op.id >= 0:
            answer = self._waiting.get(op.id)
            if answer is not None and not answer.done():
                answer.set_result(op)
            return
        self._held.heard(op)
        self._listener(op)

    async def _read_words(self, running: asyncio.subprocess.Process) -> None:
        assert running.stderr is not None
        with suppress(ValueError):
            while line := await running.stderr.readline():
                self._words.append(redact(line.decode(errors="replace").rstrip()))
        while await running.stderr.read(LINE_BYTES_MAX):
            pass  # A line that is too long: read on, so that the program is not held up.

    def _ended(self, how: str) -> None:
        said = "; ".join(self._words)
        reason = redact(f"the program ended{how}" + (f"; it said: {said}" if said else ""))
        self._over = reason
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(ProgramFailed(reason))
        for op in self._held.lost(self._name, reason):
            self._listener(op)


def read_op(line: bytes, process: str) -> Op:
    """One line of a program. Raises `ProgramFailed`, naming the line and the rule."""
    try:
        fields = json.loads(line)
        type, f, value = fields["type"], fields["f"], fields.get("value") or {}
        number, error = fields.get("id"), fields.get("error")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        shown = redact(line[:80].decode(errors="replace").rstrip())
        raise ProgramFailed(
            f'it said {shown!r}, which is no op: say {{"type": …, "f": …}} in one line'
        ) from None
    if type not in _TYPES or not isinstance(f, str) or not isinstance(value, dict):
        raise ProgramFailed(f"it said an op of type {type!r}: an answer is one of {_ANSWERS}")
    if number is not None and not isinstance(number, int):
        raise ProgramFailed(f"it said an op with the id {number!r}: say a whole number")
    if type == "invoke" and (number is None or number >= 0):
        raise ProgramFailed("it said a call without an id below 0, as its own calls have")
    return Op(process=process, type=type, f=f, value=value, id=number, error=error)


def manager(rng: Random) -> Program:
    """Our connection manager in a process of its own."""
    return served("manager", rng)


def realtime_py(rng: Random) -> Program:
    """The bare official client in a process of its own."""
    return served("realtime_py", rng)


def served(client: str, rng: Random) -> Program:
    """A Python client, by its name in `--client`, in a process of its own."""
    return Program([sys.executable, "-m", "harness.clients.serve", client], rng)
