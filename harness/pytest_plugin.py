"""The pytest plugin: options, the `run` fixture, storms side by side, verdicts as they come."""

from __future__ import annotations

import os
import signal
from argparse import ArgumentError
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from random import Random
from typing import Any

import pytest

from harness.clients.registry import UnknownClient
from harness.entropy import BadSeed
from harness.generator import BadCall
from harness.nemesis import BadFault
from harness.options import BadOption, Options, read_options
from harness.runner import Runner
from harness.scenario import REAL_TIME, BadScenario
from harness.store import BadRun, Cell
from harness.suite import Suite
from harness.workloads import BadWorkload
from harness.worlds.world import OnTruth

SIDE_BY_SIDE_MAX = 48
"""Storms that may share the real loop at one time."""


STORY_MISTAKES = (BadCall, BadFault, BadScenario, BadWorkload)
"""What a story's author did wrong: shown in a line, without our stack."""


class Hooks:
    """Hooks that a suite's conftest implements."""

    @pytest.hookspec(firstresult=True)
    def pytest_squall_make_server(
        self, on_truth: OnTruth, clock: Callable[[], float], rng: Random
    ) -> Any:
        """Make the server of one run; `harness.worlds.world.ServerMaker`."""


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    pluginmanager.add_hookspecs(Hooks)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("squall", "realtime resilience")

    def add(name: str, **how: Any) -> None:
        # The short names are plain words that another plugin may have taken; ours always work.
        dest = f"squall_{name}"
        try:
            group.addoption(f"--squall-{name}", f"--{name}", dest=dest, **how)
        except (ValueError, ArgumentError):
            group.addoption(f"--squall-{name}", dest=dest, **how)

    add(
        "world",
        action="append",
        default=[],
        metavar="sim|wire|packets|all",
        help="where (default: sim and wire); packets needs root on Linux",
    )
    client = "manager (default), realtime_py, or your own as package.module:factory"
    add(
        "client",
        action="append",
        default=[],
        metavar="NAME",
        help=f"under test, an invalid verdict fails: {client}",
    )
    add(
        "compare",
        action="append",
        default=[],
        metavar="NAME,…",
        help="run beside it: judged and reported, never failing the suite",
    )
    add("seed", default="1", metavar="S", help="first seed: a number or a commit hash")
    add("seeds", default="1", metavar="N", help="how many seeds each storm has in sim")
    add("report", default=None, metavar="DIR", help="write the run folder here")
    add("schedule", default=None, metavar="FILE", help="strike with these faults (schedule.json)")
    add("shrink", action="store_true", help="make a schedule that breaks a client in sim smaller")
    add("long", action="store_true", help="stories of more than a minute in wire, too")
    add(
        "toxiproxy",
        default=os.environ.get("SQUALL_TOXIPROXY", "embedded"),
        metavar="embedded|auto|HOST:PORT|PATH",
        help="behind which Toxiproxy wire is: ours (default), a real one on PATH, one that runs, "
        "or a program to start; SQUALL_TOXIPROXY says the same",
    )


def pytest_configure(config: pytest.Config) -> None:
    def said(name: str) -> Any:
        return config.getoption(f"squall_{name}")

    try:
        options = read_options(
            worlds=said("world"),
            clients=said("client"),
            compare=said("compare"),
            seed=said("seed"),
            seeds=said("seeds"),
            report=said("report"),
            schedule=said("schedule"),
            shrink=said("shrink"),
            long=said("long"),
            toxiproxy=said("toxiproxy"),
        )
    except (BadOption, BadSeed, UnknownClient) as error:
        raise pytest.UsageError(str(error)) from None
    config.addinivalue_line("markers", "timeout(seconds): of pytest-timeout, where it is installed")
    config.pluginmanager.register(Plugin(config, options), "squall-run")


@pytest.fixture
def run(request: pytest.FixtureRequest) -> Runner:
    """Storms a client: see `Runner`."""
    return _runner(request.config, request.node)


def _runner(config: pytest.Config, item: pytest.Item) -> Runner:
    plugin = config.pluginmanager.get_plugin("squall-run")
    assert isinstance(plugin, Plugin)
    return Runner(plugin.suite, item, _cell(item))


def _cell(item: pytest.Item) -> Cell:
    client, world, seed = getattr(item, "callspec").params["_squall_cell"]  # noqa: B009
    return Cell(_scenario_name(item), client, world, seed)


def _scenario_name(item: pytest.Item) -> str:
    return item.path.stem.removeprefix("test_")


@pytest.fixture
def _squall_cell(request: pytest.FixtureRequest) -> Any:
    return request.param


class Plugin:
    """The hooks of one pytest session, around its `suite`."""

    def __init__(self, config: pytest.Config, options: Options) -> None:
        self.suite = Suite(options, self._make_server)
        self._config = config
        self._side_by_side: dict[str, Future[None]] = {}
        self._pool: ThreadPoolExecutor | None = None

    def _make_server(self, on_truth: OnTruth, clock: Callable[[], float], rng: Random) -> Any:
        server = self._config.hook.pytest_squall_make_server(
            on_truth=on_truth, clock=clock, rng=rng
        )
        if server is None:
            raise pytest.UsageError(
                "no server to storm: implement pytest_squall_make_server in conftest.py, "
                "as scenarios/conftest.py does"
            )
        return server

    # Collection

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        if "run" in metafunc.fixturenames:
            metafunc.fixturenames.append("_squall_cell")
            cells = self.suite.options.cells()
            ids = [f"{client}-{world}-{seed}" for client, world, seed in cells]
            metafunc.parametrize("_squall_cell", cells, ids=ids, indirect=True)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        storms = [item for item in items if _is_storm(item)]
        _refuse_twins(storms)
        for item in storms:
            # A suite that turns warnings into errors would break a client under test from within.
            item.add_marker(pytest.mark.filterwarnings("default"))
            item.add_marker(pytest.mark.filterwarnings("ignore::DeprecationWarning"))
            if _cell(item).world in REAL_TIME:
                # A story bounds itself, and the first of them waits for all.
                item.add_marker(pytest.mark.timeout(0))
        order = {world: place for place, world in enumerate(self.suite.options.worlds)}
        # Quick worlds first, so that the first verdicts come within seconds.
        items.sort(key=lambda item: order[_cell(item).world] if _is_storm(item) else -1)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        storms = [item for item in session.items if _is_storm(item)]
        if storms and self.suite.store and not self._config.option.collectonly:
            try:
                self.suite.store.write_run(self.suite.plan([_cell(item) for item in storms]))
            except BadRun as error:
                raise pytest.UsageError(f"--report: {error}") from None
            except OSError as error:
                folder = str(self.suite.store.folder)
                raise pytest.UsageError(
                    f"--report {folder!r} cannot be written: {error.strerror}; "
                    "name a folder that can be"
                ) from None
        if storms:
            # A deploy pipeline ends a job with SIGTERM, a terminal that closes with SIGHUP: heal,
            # keep what was reached, then end.
            signal.signal(signal.SIGTERM, _interrupt)
            if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as under nohup
                signal.signal(signal.SIGHUP, _interrupt)

    # Running

    @pytest.hookimpl(tryfirst=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> bool | None:
        if not (_is_storm(pyfuncitem) and _cell(pyfuncitem).world in REAL_TIME):
            return None
        if not self._side_by_side:
            self._start_side_by_side(pyfuncitem.session)
        self._side_by_side[pyfuncitem.nodeid].result()
        return True

    def _start_side_by_side(self, session: pytest.Session) -> None:
        """Real time is spent waiting: all storms in it wait together, each in a thread."""
        storms = [item for item in session.items if _is_storm(item)]
        items = [item for item in storms if _cell(item).world in REAL_TIME]
        self._pool = ThreadPoolExecutor(SIDE_BY_SIDE_MAX, thread_name_prefix="squall-storm")
        self._say(f"{len(items)} storms side by side in real time, up to a minute or so …")
        for item in items:
            assert isinstance(item, pytest.Function)
            runner = _runner(self._config, item)
            self._side_by_side[item.nodeid] = self._pool.submit(item.obj, run=runner)

    def pytest_unconfigure(self) -> None:
        self.suite.close()
        if self._pool:
            self._pool.shutdown(wait=False, cancel_futures=True)

    # Reporting

    def _say(self, line: str) -> None:
        reporter = self._config.pluginmanager.get_plugin("terminalreporter")
        if reporter:
            reporter.ensure_newline()
            reporter.write_line(line)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        if call.excinfo and isinstance(call.excinfo.value, STORY_MISTAKES):
            report.longrepr = str(call.excinfo.value)
        if report.when == "call" and _is_storm(item):
            cell = _cell(item)
            result = next((one for one in self.suite.results if one.cell == cell), None)
            if result and result.judgement:
                report.user_properties.append(("squall.verdict", str(result.outcome)))
        return report

    def pytest_report_teststatus(
        self, report: pytest.TestReport
    ) -> tuple[str, str, str | tuple[str, dict[str, bool]]] | None:
        # A report of a failed collection has neither.
        verdict = dict(getattr(report, "user_properties", ())).get("squall.verdict")
        if verdict is None or report.when != "call":
            return None
        colour = {"valid": "green", "invalid": "red"}.get(str(verdict), "yellow")
        letter = {"valid": ".", "invalid": "I", "unknown": "?"}.get(str(verdict), "-")
        category = report.outcome
        return category, letter, (str(verdict).upper(), {colour: True})

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        if not self.suite.results:
            return
        counts = Counter(str(result.outcome) for result in self.suite.results)
        terminalreporter.section("verdicts")
        terminalreporter.write_line(", ".join(f"{n} {what}" for what, n in sorted(counts.items())))
        if self.suite.store:
            terminalreporter.write_line(f"run folder: {self.suite.store.folder}")


def _is_storm(item: pytest.Item) -> bool:
    callspec = getattr(item, "callspec", None)
    return callspec is not None and "_squall_cell" in callspec.params


def _refuse_twins(storms: list[pytest.Item]) -> None:
    seen: dict[Cell, str] = {}
    for item in storms:
        cell = _cell(item)
        if cell in seen:
            raise pytest.UsageError(
                f"two storms are both named {cell.scenario!r}: {seen[cell]} and {item.nodeid}; "
                "one failure story a file, and the file names it"
            )
        seen[cell] = item.nodeid


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt(f"ended by signal {number}")


def pytest_report_header(config: pytest.Config) -> Iterator[str]:
    plugin = config.pluginmanager.get_plugin("squall-run")
    if isinstance(plugin, Plugin):
        options = plugin.suite.options
        beside = f", beside it {', '.join(options.compare)}" if options.compare else ""
        yield f"squall: {', '.join(options.clients)} under test{beside}; seed {options.seed}"
