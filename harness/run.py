"""Runs one scenario in one world: steady state, faults, calm, last round, judgement."""

from __future__ import annotations

import asyncio
import itertools
import platform
import traceback
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from typing import Any

from harness.application import Application
from harness.checkers import judge
from harness.checkers.answers import OPEN_S
from harness.clients.contract import Maker
from harness.clients.crowd import CROWD_STARTS_WITHIN_S, TooManyPrograms, crowd
from harness.clients.program import Program
from harness.generator import Act, Call, timeline
from harness.nemesis import CannotExpress, Nemesis, cohorts, misfit
from harness.nemesis.schedules import dumps
from harness.process import Process, words
from harness.recorder import Recorder
from harness.redact import redact
from harness.scenario import CONNECT_WITHIN_S, Scenario
from harness.sim import SimDeadlock, VirtualTimeLimit
from harness.store import Cell, HistoryFull, HistoryWriter, Store
from harness.verdict import Judgement, Outcome, Verdict
from harness.workloads import Changes
from harness.worlds.world import Env, World, WorldFailed

TRACE_CHARS = 400
WATCH_EVERY_S = 0.25
"""How often the runner looks whether every client has recovered."""
LAST_ROUND_S = 1.0
"""How long the last messages of the source may travel before the final reads."""
ARRIVAL_S = 0.02
"""Clients arrive spread over this much time each, well under any join limit."""


@dataclass(frozen=True, slots=True)
class Storm:
    """What is run: a scenario and the client that must stand it, in a cell of the run folder."""

    cell: Cell
    scenario: Scenario
    maker: Maker
    replay: str = ""
    """One line that repeats it."""
    client_version: str = "unknown"


def run_storm(storm: Storm, world: World, store: Store | None = None) -> Judgement:
    """Play the storm, judge its history, and keep both in the store as soon as they are there.

    What keeps a run from being judged (the world broke, the run hung) is an *unknown* verdict that
    says so; what the world cannot express is *not applicable*. Only an interrupt is raised. The
    caller must not have turned warnings into errors: they would be raised inside the client.
    """
    judgement = _play_and_judge(storm, world, store)
    if store:
        store.write_judgement(storm.cell, judgement, storm.replay)
    return judgement


def _play_and_judge(storm: Storm, world: World, store: Store | None) -> Judgement:
    scenario = storm.scenario
    if store:
        store.write_schedule(storm.cell, dumps(scenario.faults))
    if misfit := _misfit(scenario, world):
        return _only(Outcome.NOT_APPLICABLE, misfit)
    header = scenario.header(
        storm.cell.scenario, storm.cell.client, storm.cell.world, storm.cell.seed
    )
    header = replace(header, versions={**versions(storm.client_version), **world.versions()})
    writer = store.open_history(storm.cell, header) if store else HistoryWriter(None, header)
    recorder = Recorder(writer)
    try:
        world.play(
            lambda env: _Run(env, storm, recorder).tell(),
            storm.cell.seed,
            recorder.info,
            cohorts(scenario.faults, scenario.workload.names(), storm.cell.seed),
        )
    except CannotExpress as error:
        return _only(Outcome.NOT_APPLICABLE, f"{world.name} cannot express it: {error}")
    except (WorldFailed, TooManyPrograms) as error:
        return _only(Outcome.UNKNOWN, str(error))
    except (SimDeadlock, VirtualTimeLimit) as error:
        return _only(Outcome.UNKNOWN, f"the run hung: {error}")
    except HistoryFull as error:
        return _only(Outcome.UNKNOWN, str(error))
    except Exception as error:
        return _only(Outcome.UNKNOWN, f"the run broke: {words(error)}", traceback.format_exc())
    finally:
        writer.close()
    if recorder.refused:
        return _only(Outcome.UNKNOWN, "; ".join(recorder.refused))
    return judge(writer.history(), scenario.checkers)


def _misfit(scenario: Scenario, world: World) -> str | None:
    if world.name not in scenario.worlds:
        return f"this story is told in {', '.join(scenario.worlds)} only"
    if reason := misfit(scenario.faults, world.name):
        return reason
    if scenario.duration_s > world.story_s_max:
        return (
            f"takes up to {scenario.duration_s:.0f} s, and {world.name} tells stories of at most "
            f"{world.story_s_max:.0f} s unless --long is said"
        )
    return None


def versions(client_version: str) -> dict[str, str]:
    """What took part in a run, for its header."""
    return {
        "python": platform.python_version(),
        "squall": version("squall"),
        "websockets": version("websockets"),
        "client": client_version,
    }


def _only(outcome: Outcome, reason: str, trace: str | None = None) -> Judgement:
    evidence = {"traceback": redact(trace, len(trace))[-TRACE_CHARS:]} if trace else {}
    return Judgement({"run": Verdict(outcome, redact(reason), evidence)})


class _Run:
    """The course of one run; `tell` is the story that a world plays."""

    def __init__(self, env: Env, storm: Storm, recorder: Recorder) -> None:
        self._env = env
        self._scenario = storm.scenario
        self._workload = storm.scenario.workload
        self._recorder = recorder
        recorder.start(env.now_s)
        self._processes = {
            name: Process(name, env.client(name, storm.maker), env, recorder)
            for name in self._workload.names()
        }
        clients = [process.client for process in self._processes.values()]
        self._programs = sum(isinstance(client, Program) for client in clients)
        self._numbers = {topic: itertools.count(1) for topic in self._workload.topics}
        self._rows = itertools.count(1)
        self._last_row = 0
        self._last = dict.fromkeys(self._workload.topics, 0)
        self._period_s = self._workload.period_s
        self._hurry = asyncio.Event()
        self._application = Application(self._processes, self._workload.topics[0])
        levers = replace(env.levers, application=self._application)
        self._nemesis = Nemesis(levers, recorder, self._workload.names(), env.seed)

    async def tell(self) -> None:
        """Steady state, faults, calm, last round, final reads.

        Begins when the machine has room for all clients that are programs of their own.
        """
        async with crowd().room(self._programs):
            await self._tell()

    async def _tell(self) -> None:
        background: list[asyncio.Task[None]] = []
        try:
            self._phase("steady")
            await self._arrive()
            background.append(asyncio.create_task(self._source()))
            if isinstance(self._workload, Changes):
                background.append(asyncio.create_task(self._insert_rows(self._workload)))
                await self._until(lambda: self._recorder.all_live(1), CONNECT_WITHIN_S)
            background += [asyncio.create_task(task) for task in self._senders()]
            self._phase("faults")
            async with self._nemesis:
                await self._storm()
            self._phase("calm")
            await self._recover()
            self._phase("final")
            await _stop(background)
            await asyncio.sleep(LAST_ROUND_S)
            members = self._env.levers.server.membership()
            self._recorder.info("server", "membership", {"members": members})
            self._phase("end")
        finally:
            self._recorder.end()
            await _stop(background)
            await asyncio.gather(*(process.close() for process in self._processes.values()))

    def _phase(self, phase: str) -> None:
        self._recorder.info("run", "phase", {"phase": phase})

    async def _arrive(self) -> None:
        spread_s = ARRIVAL_S * (len(self._processes) - 1)
        rng = self._env.rng("arrivals")

        async def arrive(process: Process, after_s: float) -> None:
            await asyncio.sleep(after_s)
            await process.call("open", {})
            for topic in self._workload.topics:
                changes = self._workload.changes()
                asked = {"topic": topic, **({"changes": changes} if changes else {})}
                await process.call("subscribe", asked)

        arrivals = [
            asyncio.create_task(arrive(process, rng.uniform(0, spread_s)))
            for process in self._processes.values()
        ]
        queue_s = CROWD_STARTS_WITHIN_S if self._programs else 0.0
        await asyncio.wait(arrivals, timeout=CONNECT_WITHIN_S + spread_s + queue_s)
        await _stop(arrivals)

    async def _source(self) -> None:
        while True:
            for topic in self._workload.topics:
                self._publish(topic)
            with suppress(TimeoutError):
                async with asyncio.timeout(self._period_s):
                    await self._hurry.wait()

    def _publish(self, topic: str) -> None:
        number = next(self._numbers[topic])
        self._last[topic] = number
        op = self._recorder.invoke("source", "broadcast", {"topic": topic, "id": number})
        self._env.levers.server.publish(topic, "n", {"id": number, "sender": "source"})
        self._recorder.complete(op, "ok")

    async def _insert_rows(self, workload: Changes) -> None:
        while True:
            self._last_row = number = next(self._rows)
            op = self._recorder.invoke("source", "insert", {"table": workload.table, "id": number})
            try:
                self._env.levers.server.insert(workload.table, {"id": number})
            except Exception as error:
                self._recorder.complete(op, "fail", words(error))
            else:
                self._recorder.complete(op, "ok")
            await asyncio.sleep(workload.inserts_every_s)

    def _senders(self) -> list[Coroutine[Any, Any, None]]:
        period_s = self._workload.sends_every_s
        if period_s is None:
            return []
        return [self._send(process, period_s) for process in self._processes.values()]

    async def _send(self, process: Process, period_s: float) -> None:
        await asyncio.sleep(self._env.rng(f"sends/{process.name}").uniform(0, period_s))
        for number in itertools.count(1):
            for topic in self._workload.topics:
                process.send(topic, number)
            await asyncio.sleep(period_s)

    async def _storm(self) -> None:
        """Do what the schedule says, the nemesis and the application side by side."""
        if self._workload.fault_period_s is not None:
            self._period_s = self._workload.fault_period_s
        began_s = self._env.now_s()

        async def at(moment_s: float, act: Callable[[], Awaitable[None]]) -> None:
            await asyncio.sleep(began_s + moment_s - self._env.now_s())
            await act()

        async def nemesis() -> None:
            for act in timeline(self._scenario.faults):
                await at(act.at_s, partial(self._act, act))

        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(nemesis())
                for call in self._scenario.calls:
                    group.create_task(at(call.at_s, partial(self._call, call)))
        except ExceptionGroup as several:
            raise several.exceptions[0] from None
        self._period_s = self._workload.period_s
        self._hurry.set()
        self._hurry.clear()

    async def _act(self, act: Act) -> None:
        await (self._nemesis.start if act.f == "start" else self._nemesis.heal)(act.fault)

    async def _call(self, call: Call) -> None:
        await self._processes[call.process].call(call.f, call.value)

    async def _recover(self) -> None:
        """Wait until each wanted channel hears what is published and committed from now on, or it
        is too late."""
        since = {topic: last + 1 for topic, last in self._last.items()}
        row = self._last_row + 1

        def is_well() -> bool:
            heard = self._recorder.all_heard(since, self._workload.topics)
            return heard and self._recorder.all_live(row) and not self._application.is_racing

        await self._until(is_well, self._scenario.recovery_within_s)
        # A call that never returns is told from a slow one by how long it was waited for.
        await self._until(lambda: self._recorder.all_answered, OPEN_S)
        await asyncio.sleep(self._scenario.settle_s)

    async def _until(self, holds: Callable[[], bool], within_s: float) -> None:
        deadline_s = self._env.now_s() + within_s
        while not holds():
            if self._env.now_s() >= deadline_s:
                break
            await asyncio.sleep(WATCH_EVERY_S)


async def _stop(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
