"""Where a load test is kept and judged: in the one process that is not a worker.

It starts the fake server if no host was given, writes the run folder, waits for the workers' last
tallies, and sets the exit code.
"""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime
from typing import Any

from loadtests.judgement import NOTHING_MEASURED, exit_code
from loadtests.options import BadOption, Settings, read_settings
from loadtests.report import FolderTaken, Report, Setup, folder_for
from loadtests.server import ServerFailed, ServerProcess
from loadtests.target import BadTarget, Target, read_target

_log = logging.getLogger("squall")

CANNOT_START = (BadOption, BadTarget, FolderTaken, ServerFailed)
"""What keeps a load test from starting; one line says it all."""


class Desk:
    """Holds the server and the report of the test that runs, if one does."""

    def __init__(self, environment: Any) -> None:
        """Raises one of `CANNOT_START`."""
        self._environment = environment
        self._settings = read_settings(environment.parsed_options)
        self._tests = 0
        self._report: Report | None = None
        self._broken = ""
        folder_for(self._settings.report, 1, datetime.now(UTC))
        self._server = self._find_server()
        environment.process_exit_code = NOTHING_MEASURED

    def _find_server(self) -> ServerProcess | None:
        environment = self._environment
        options = environment.parsed_options
        if environment.host:
            read_target(environment.host, options.apikey)
            return None
        if options.master and not options.processes:
            raise BadTarget(
                "workers that are started by themselves may be on other machines, where a fake "
                "server of this one is out of reach: give the master --host, "
                "or use --processes instead"
            )
        server = ServerProcess()
        # Locust hands both to its workers.
        environment.host, options.apikey = server.target.url, server.target.apikey
        return server

    @property
    def open(self) -> bool:
        """Whether a test runs."""
        return self._report is not None

    def start(self) -> None:
        """Open the run folder of a test that begins."""
        options, settings = self._environment.parsed_options, self._settings
        self._tests += 1
        users = self._environment.runner.target_user_count
        # The host can be changed on Locust's web page.
        host = self._environment.host
        own = self._server is not None and host == self._server.target.url
        setup = Setup(
            world="wire" if own else "live",
            seed=settings.seed,
            users=users,
            run_s=float(options.run_time or 0),
            replay=_replay(options, settings, users, "" if own else host),
        )
        folder = folder_for(settings.report, self._tests, datetime.now(UTC))
        self._report, self._broken = Report(folder, setup, time.monotonic), ""

    def blame(self, reason: str) -> None:
        """Something went wrong in the load test itself; its verdict will be unknown."""
        self._broken = self._broken or reason

    def take(self, process: str, fields: dict[str, Any] | None) -> None:
        """The tally of one process as it stands; ignored when no test runs."""
        if not self._report or fields is None:
            return
        try:
            self._report.take(process, fields)
        except (KeyError, TypeError, ValueError) as error:
            self.blame(f"{process} sent a tally that does not read ({type(error).__name__})")

    def progress(self) -> None:
        """Write down how far the test is."""
        if self._report:
            self._report.progress(self._environment.runner.target_user_count)

    def settling(self) -> None:
        """The test ends: users send no more."""
        if self._report:
            self._report.settling()

    def finish(self) -> None:
        """Judge the test, say the verdict, set the exit code."""
        report, self._report = self._report, None
        if report is None:
            return
        if self._server and self._server.ended:
            self.blame("the fake server of this load test ended by itself")
        judgement = report.finish(self._environment.runner.target_user_count, self._broken)
        self._environment.process_exit_code = exit_code(judgement)
        _log.info("%s: %s", judgement.outcome, judgement.reason)
        _log.info("report: %s", report.folder)

    def close(self) -> None:
        """End the fake server."""
        server, self._server = self._server, None
        if server:
            server.stop()


def target_of(environment: Any) -> Target:
    """The server that the test which begins is for. Raises `BadTarget`."""
    return read_target(environment.host or "", environment.parsed_options.apikey)


def _replay(options: Any, settings: Settings, users: int, host: str) -> str:
    words = ["locust", "-f", "loadtests/locustfile.py", "--headless", f"-u {users}"]
    words.append(f"-r {options.spawn_rate:g}")
    if options.run_time:
        words.append(f"-t {options.run_time}s")
    if options.processes:
        words.append(f"--processes {options.processes}")
    if host:
        words.append(f"--host {host}")
    words += [f"--rt-rate {settings.rate_per_s:g}", f"--rt-seed {settings.seed}"]
    return " ".join(words)
