"""What a Locust process does when a test begins, goes on and ends: alone, as a master, as a worker.

The order of things at the end differs with how it comes (time is up, Ctrl-C, SIGTERM, the web
page), so every way leads to `stop`, which may be called twice.
"""

from __future__ import annotations

import logging
import time
from typing import Any, Protocol

import gevent
from locust.runners import MasterRunner, WorkerRunner

from loadtests.desk import Desk, target_of
from loadtests.options import read_settings
from loadtests.squad import LEAVE_WITHIN_S, Squad
from loadtests.target import BadTarget

PROGRESS_EVERY_S = 5.0
MASTER_WAITS_S = LEAVE_WITHIN_S + 5.0

_SETTLE = "squall-settle"
_SETTLED = "squall-settled"
_TALLY = "squall"

_log = logging.getLogger("squall")


class Role(Protocol):
    """One process's part in a test."""

    squad: Squad

    def start(self) -> None:
        """A test begins."""

    def stop(self) -> None:
        """A test ends; nothing happens when none runs."""

    def quit(self) -> None:
        """The process ends."""


def take_role(environment: Any) -> Role:
    """The role that Locust's options give to this process; raises what `Desk` raises."""
    if isinstance(environment.runner, WorkerRunner):
        return Worker(environment)
    return (
        Master(environment) if isinstance(environment.runner, MasterRunner) else Alone(environment)
    )


class Alone:
    """One process: users, server and report."""

    def __init__(self, environment: Any) -> None:
        self._environment = environment
        self.squad = Squad(environment)
        self._desk = Desk(environment)
        gevent.spawn(self._progress)

    def start(self) -> None:
        self._desk.start()
        if problem := _start(self.squad, self._environment, process=0):
            self._desk.blame(problem)

    def stop(self) -> None:
        if self._desk.open:
            self._desk.settling()
            self._desk.take("alone", self.squad.settle())
            self._desk.finish()

    def quit(self) -> None:
        self.stop()
        self._desk.close()

    def _progress(self) -> None:
        while True:
            gevent.sleep(PROGRESS_EVERY_S)
            self._desk.take("alone", self.squad.snapshot())
            self._desk.progress()


class Worker:
    """Users whose tallies go to the master: with each of Locust's own reports, and at the end."""

    def __init__(self, environment: Any) -> None:
        self._environment = environment
        self.squad = Squad(environment)
        environment.runner.register_message(_SETTLE, self._on_settle, concurrent=True)
        environment.events.report_to_master.add_listener(self._on_report)

    def start(self) -> None:
        index = self._environment.runner.worker_index
        if problem := _start(self.squad, self._environment, process=index + 1):
            _log.error("%s", problem)

    def stop(self) -> None:
        tally = self.squad.settle()
        if tally is not None:
            self._environment.runner.send_message(_SETTLED, tally)

    def quit(self) -> None:
        self.stop()
        # The master alone decides what the run was worth.
        self._environment.process_exit_code = 0

    def _on_settle(self, **_: Any) -> None:
        self.stop()

    def _on_report(self, data: dict[str, Any], **_: Any) -> None:
        data[_TALLY] = self.squad.snapshot()


class Master:
    """Server and report; the users are the workers'."""

    def __init__(self, environment: Any) -> None:
        self._environment = environment
        self.squad = Squad(environment)
        self._desk = Desk(environment)
        self._settled: dict[str, None] = {}
        environment.runner.register_message(_SETTLED, self._on_settled)
        environment.events.worker_report.add_listener(self._on_report)
        gevent.spawn(self._progress)

    def start(self) -> None:
        self._settled.clear()
        self._desk.start()

    def stop(self) -> None:
        if not self._desk.open:
            return
        self._desk.settling()
        self._environment.runner.send_message(_SETTLE)
        deadline_s = time.monotonic() + MASTER_WAITS_S
        while self._unsettled() and time.monotonic() < deadline_s:
            gevent.sleep(0.05)
        self._desk.finish()

    def quit(self) -> None:
        self.stop()
        self._desk.close()

    def _unsettled(self) -> list[str]:
        """Workers that are there and have not sent their last tally."""
        workers = self._environment.runner.clients
        return [id for id, one in workers.items() if id not in self._settled and _there(one)]

    def _on_settled(self, msg: Any, **_: Any) -> None:
        self._desk.take(msg.node_id, msg.data)
        self._settled[msg.node_id] = None

    def _on_report(self, client_id: str, data: dict[str, Any], **_: Any) -> None:
        tally = data.pop(_TALLY, None)
        if client_id not in self._settled:
            self._desk.take(client_id, tally)

    def _progress(self) -> None:
        while True:
            gevent.sleep(PROGRESS_EVERY_S)
            self._desk.progress()


def _start(squad: Squad, environment: Any, process: int) -> str:
    """Start the users' side of a test; what keeps it from starting, in words."""
    try:
        target = target_of(environment)
    except BadTarget as error:
        return str(error)
    settings = read_settings(environment.parsed_options)
    squad.start(target, seed=settings.seed, rate_per_s=settings.rate_per_s, process=process)
    return ""


def _there(worker: Any) -> bool:
    return str(worker.state) != "missing"
