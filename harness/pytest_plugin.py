"""The pytest plugin: options, the `run` fixture, storms side by side, verdicts as they come."""

from __future__ import annotations

import os
import shlex
import signal
import sys
import threading
from argparse import ArgumentError
from collections import Counter
from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis.strategies import SearchStrategy

from harness.clients.registry import UnknownClient, client_version, load_client
from harness.entropy import BadSeed, substream
from harness.explore import Explored, Judge, explore, schedules_verdict, smallest
from harness.generator import BadCall
from harness.nemesis import BadFault, Fault
from harness.nemesis.schedules import as_code
from harness.options import BadOption, Options, read_options
from harness.run import Storm, run_storm, versions
from harness.scenario import REAL_TIME, BadScenario, Scenario
from harness.store import BadRun, Cell, ClientInfo, Result, RunInfo, Store
from harness.toxiproxy.choice import Embedded, Running
from harness.verdict import Judgement, Outcome, Verdict
from harness.workloads import BadWorkload
from harness.worlds.packets import PacketsWorld
from harness.worlds.sim import SimWorld
from harness.worlds.wire import LONGEST_STORY_S, Hosts, WireWorld
from harness.worlds.world import OnTruth, World

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


class Runner:
    """The `run` fixture: `run(Scenario(...))` storms one client in one world with one seed."""

    def __init__(self, plugin: Plugin, item: pytest.Item, cell: Cell) -> None:
        self._plugin = plugin
        self._item = item
        self.cell = cell

    @property
    def gates(self) -> bool:
        """Whether an invalid verdict fails the suite."""
        return self.cell.client in self._plugin.options.clients

    @property
    def replay(self) -> str:
        """The one line that repeats this storm."""
        path = os.path.relpath(self._item.path, Path.cwd())
        name = getattr(self._item, "originalname", self._item.name)
        toxiproxy = self._plugin.options.toxiproxy
        behind = self.cell.world == "wire" and not isinstance(toxiproxy, Embedded)
        return (
            f"{_pytest()} '{path}::{name}' --client {self.cell.client} "
            f"--world {self.cell.world} --seed {self.cell.seed}"
            + (f" --toxiproxy {shlex.quote(str(toxiproxy))}" if behind else "")
        )

    def rng(self, name: str) -> Random:
        """Chance for what a story draws itself, fixed by the seed: `swarm(run.rng("faults"), …)`.

        Another name gives other draws.
        """
        return substream(self.cell.seed, f"story/{name}")

    def __call__(self, scenario: Scenario) -> Judgement:
        """Run the storm; fail the test unless a client under test is found valid.

        `--schedule` puts its faults in the place of the story's own; with `--shrink` a storm that
        breaks the client in sim is followed by a search for a smaller one that does.
        """
        options = self._plugin.options
        if options.schedule is not None:
            scenario = replace(scenario, faults=options.schedule)
        judgement = self.judge(scenario)
        if options.shrink and self.cell.world == "sim" and judgement.outcome is Outcome.INVALID:
            judgement, scenario = self._told(
                scenario, smallest(scenario.faults, self._try(scenario))
            )
        self.settle(judgement, scenario.faults)
        return judgement

    def judge(self, scenario: Scenario) -> Judgement:
        """Run the storm and keep its verdict, whatever it is."""
        world = self._plugin.world(self.cell.world)
        return run_storm(self._storm(scenario), world, self._plugin.store)

    def _storm(self, scenario: Scenario) -> Storm:
        return Storm(
            cell=self.cell,
            scenario=scenario,
            maker=load_client(self.cell.client),
            replay=self.replay,
            client_version=client_version(self.cell.client),
        )

    def explore(
        self, scenario: Scenario, schedules: SearchStrategy[list[Fault]], *, examples_max: int
    ) -> Judgement:
        """Storm the client with many schedules; report the smallest that breaks it.

        The scenario says everything but the faults. In virtual time only. What is kept in the run
        folder is that smallest schedule, or the last one when none broke the client.
        """
        if self._plugin.options.schedule is not None:
            return self(scenario)
        if self.cell.world != "sim":
            reason = "many schedules are tried in virtual time only"
            judgement = self._plugin.keep(
                self, {"schedules": Verdict(Outcome.NOT_APPLICABLE, reason)}
            )
            self.settle(judgement)
            return judgement
        found = explore(
            schedules, self._try(scenario), from_seed=self.cell.seed, examples_max=examples_max
        )
        judgement, scenario = self._told(scenario, found)
        self.settle(judgement, scenario.faults)
        return judgement

    def _try(self, scenario: Scenario) -> Judge:
        """Storms the client with other faults, and keeps nothing."""
        world = self._plugin.world(self.cell.world)
        return lambda faults: run_storm(self._storm(replace(scenario, faults=faults)), world)

    def _told(self, scenario: Scenario, found: Explored) -> tuple[Judgement, Scenario]:
        """Play what a search found once more, to keep it, and add what the search says."""
        scenario = replace(scenario, faults=found.faults)
        checkers = {**self.judge(scenario).checkers, "schedules": schedules_verdict(found)}
        return self._plugin.keep(self, checkers), scenario

    def settle(self, judgement: Judgement, faults: Sequence[Fault] = ()) -> None:
        """Report the verdict, and turn it into the outcome of the test."""
        self._plugin.reached(Result(self.cell, judgement, self.replay))
        words = f"{judgement.outcome}: {judgement.reason}"
        if judgement.outcome in (Outcome.INVALID, Outcome.UNKNOWN) and self.gates:
            # Unknown as well: a client that never worked must not leave the suite green.
            schedule = f"\nfaults:  {as_code(faults)}" if faults else ""
            pytest.fail(f"{words}{schedule}\nreplay:  {self.replay}", pytrace=False)
        if judgement.outcome in (Outcome.UNKNOWN, Outcome.NOT_APPLICABLE):
            pytest.skip(words)


@pytest.fixture
def run(request: pytest.FixtureRequest) -> Runner:
    """Storms a client: see `Runner`."""
    return _runner(request.config, request.node)


def _runner(config: pytest.Config, item: pytest.Item) -> Runner:
    plugin = config.pluginmanager.get_plugin("squall-run")
    assert isinstance(plugin, Plugin)
    return Runner(plugin, item, _cell(item))


def _cell(item: pytest.Item) -> Cell:
    client, world, seed = getattr(item, "callspec").params["_squall_cell"]  # noqa: B009
    return Cell(_scenario_name(item), client, world, seed)


def _scenario_name(item: pytest.Item) -> str:
    return item.path.stem.removeprefix("test_")


@pytest.fixture
def _squall_cell(request: pytest.FixtureRequest) -> Any:
    return request.param


class Plugin:
    """One pytest session: its worlds, its run folder, the verdicts reached so far."""

    def __init__(self, config: pytest.Config, options: Options) -> None:
        self.options = options
        self.store = Store(options.report) if options.report else None
        self.results: list[Result] = []
        self._config = config
        self._lock = threading.Lock()
        self._worlds: dict[str, World] = {}
        self._side_by_side: dict[str, Future[None]] = {}
        self._pool: ThreadPoolExecutor | None = None

    # Collection

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        if "run" in metafunc.fixturenames:
            metafunc.fixturenames.append("_squall_cell")
            cells = self.options.cells()
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
        order = {world: place for place, world in enumerate(self.options.worlds)}
        # Quick worlds first, so that the first verdicts come within seconds.
        items.sort(key=lambda item: order[_cell(item).world] if _is_storm(item) else -1)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        storms = [item for item in session.items if _is_storm(item)]
        if storms and self.store and not self._config.option.collectonly:
            try:
                self.store.write_run(self._plan([_cell(item) for item in storms]))
            except BadRun as error:
                raise pytest.UsageError(f"--report: {error}") from None
            except OSError as error:
                raise pytest.UsageError(
                    f"--report {str(self.options.report)!r} cannot be written: {error.strerror}; "
                    "name a folder that can be"
                ) from None
        if storms:
            # A deploy pipeline ends a job with SIGTERM, a terminal that closes with SIGHUP: heal,
            # keep what was reached, then end.
            signal.signal(signal.SIGTERM, _interrupt)
            if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as under nohup
                signal.signal(signal.SIGHUP, _interrupt)

    def _plan(self, cells: list[Cell]) -> RunInfo:
        options = self.options
        names = dict.fromkeys((*options.clients, *options.compare))
        return RunInfo(
            clients=tuple(
                ClientInfo(name=name, version=client_version(name), gates=name in options.clients)
                for name in names
            ),
            worlds=options.worlds,
            seeds=tuple(dict.fromkeys(cell.seed for cell in cells)),
            planned=tuple(cells),
            started_at=datetime.now(UTC).isoformat(timespec="seconds"),
            versions={
                **versions(client_version(options.clients[0])),
                **self._versions({cell.world for cell in cells}),
            },
        )

    def _versions(self, worlds: Collection[str]) -> dict[str, str]:
        """What the worlds bring into the run, by version."""
        brought = [self.world(name).versions() for name in self.options.worlds if name in worlds]
        return {name: version for one in brought for name, version in one.items()}

    # Running

    def world(self, name: str) -> World:
        """The world of that name, made when it is first needed."""
        with self._lock:
            if name not in self._worlds:
                self._worlds[name] = self._make_world(name)
            return self._worlds[name]

    def _make_world(self, name: str) -> World:
        def make_server(on_truth: OnTruth, clock: Callable[[], float], rng: Random) -> Any:
            server = self._config.hook.pytest_squall_make_server(
                on_truth=on_truth, clock=clock, rng=rng
            )
            if server is None:
                raise pytest.UsageError(
                    "no server to storm: implement pytest_squall_make_server in conftest.py, "
                    "as scenarios/conftest.py does"
                )
            return server

        if name == "sim":
            return SimWorld(make_server)
        story_s_max = float("inf") if self.options.long else LONGEST_STORY_S
        if name == "packets":
            asked_for = name in self.options.asked_for
            return PacketsWorld(make_server, asked_for=asked_for, story_s_max=story_s_max)
        return WireWorld(
            make_server,
            toxiproxy=self.options.toxiproxy,
            hosts=_hosts(self.options),
            story_s_max=story_s_max,
        )

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
        for world in self._worlds.values():
            world.close()
        if self._pool:
            self._pool.shutdown(wait=False, cancel_futures=True)

    # Reporting

    def keep(self, runner: Runner, checkers: Mapping[str, Verdict]) -> Judgement:
        """Write a verdict that was put together from several runs."""
        judgement = Judgement(checkers)
        if self.store:
            self.store.write_judgement(runner.cell, judgement, runner.replay)
        return judgement

    def reached(self, result: Result) -> None:
        """Keep a verdict; called from any thread."""
        with self._lock:
            self.results.append(result)

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
            result = next((one for one in self.results if one.cell == cell), None)
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
        if not self.results:
            return
        counts = Counter(str(result.outcome) for result in self.results)
        terminalreporter.section("verdicts")
        terminalreporter.write_line(", ".join(f"{n} {what}" for what, n in sorted(counts.items())))
        if self.store:
            terminalreporter.write_line(f"run folder: {self.store.folder}")


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


def _pytest() -> str:
    """How this pytest is called from here: a path where it lies below, else its plain name."""
    script = Path(sys.executable).with_name("pytest")
    return str(script.relative_to(Path.cwd())) if script.is_relative_to(Path.cwd()) else "pytest"


def _hosts(options: Options) -> Hosts:
    proxy = options.toxiproxy.host if isinstance(options.toxiproxy, Running) else "127.0.0.1"
    environ = os.environ.get
    return Hosts(
        bind=environ("SQUALL_BIND_HOST", "127.0.0.1"),
        advertise=environ("SQUALL_ADVERTISE_HOST", "127.0.0.1"),
        proxy=environ("SQUALL_PROXY_HOST", proxy),
    )


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt(f"ended by signal {number}")


def pytest_report_header(config: pytest.Config) -> Iterator[str]:
    plugin = config.pluginmanager.get_plugin("squall-run")
    if isinstance(plugin, Plugin):
        options = plugin.options
        beside = f", beside it {', '.join(options.compare)}" if options.compare else ""
        yield f"squall: {', '.join(options.clients)} under test{beside}; seed {options.seed}"
