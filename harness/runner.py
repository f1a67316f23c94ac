"""The `run` fixture's value: storms a client with a story, and turns the verdict into a test's."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from hypothesis.strategies import SearchStrategy

from harness.clients.registry import client_version, load_client
from harness.entropy import substream
from harness.explore import Explored, Judge, explore, schedules_verdict, smallest
from harness.nemesis import Fault
from harness.nemesis.schedules import as_code
from harness.run import Storm, run_storm
from harness.scenario import REAL_TIME, Scenario
from harness.store import Cell, Result
from harness.suite import Suite
from harness.toxiproxy.choice import Embedded
from harness.verdict import Judgement, Outcome, Verdict


class Runner:
    """The `run` fixture: `run(Scenario(...))` storms one client in one world with one seed."""

    def __init__(self, suite: Suite, item: pytest.Item, cell: Cell) -> None:
        self._suite = suite
        self._item = item
        self._found = False
        self.cell = cell

    @property
    def gates(self) -> bool:
        """Whether an invalid verdict fails the suite."""
        return self.cell.client in self._suite.options.clients

    @property
    def replay(self) -> str:
        """The one line that repeats this storm, with the faults that its verdict is about."""
        path = os.path.relpath(self._item.path, Path.cwd())
        name = getattr(self._item, "originalname", self._item.name)
        return (
            f"{_pytest()} '{path}::{name}' --client {self.cell.client} "
            f"--world {self.cell.world} --seed {self.cell.seed}{self._options()}"
        )

    def _options(self) -> str:
        """What was said besides, as far as it changes this storm."""
        options = self._suite.options
        said = self._faults()
        if options.long and self.cell.world in REAL_TIME:
            said += " --long"
        if self.cell.world == "wire" and not isinstance(options.toxiproxy, Embedded):
            said += f" --toxiproxy {shlex.quote(str(options.toxiproxy))}"
        return said

    def _faults(self) -> str:
        """Where the faults are, if they are not the story's own: in the run folder, if any.

        Without one, a search that found them is repeated, from the same faults.
        """
        options = self._suite.options
        if not self._found and options.schedule is None:
            return ""
        if self._suite.store:
            return f" --schedule {shlex.quote(str(self._suite.store.schedule_of(self.cell)))}"
        given = f" --schedule {shlex.quote(str(options.schedule_file))}"
        return (given if options.schedule_file else "") + (" --shrink" if options.shrink else "")

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
        options = self._suite.options
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
        world = self._suite.world(self.cell.world)
        return run_storm(self._storm(scenario), world, self._suite.store)

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
        if self._suite.options.schedule is not None:
            return self(scenario)
        if self.cell.world != "sim":
            reason = "many schedules are tried in virtual time only"
            judgement = self._suite.keep(
                self.cell, {"schedules": Verdict(Outcome.NOT_APPLICABLE, reason)}, self.replay
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
        world = self._suite.world(self.cell.world)
        return lambda faults: run_storm(self._storm(replace(scenario, faults=faults)), world)

    def _told(self, scenario: Scenario, found: Explored) -> tuple[Judgement, Scenario]:
        """Play what a search found once more, to keep it, and add what the search says."""
        scenario = replace(scenario, faults=found.faults)
        self._found = found.broken
        checkers = {**self.judge(scenario).checkers, "schedules": schedules_verdict(found)}
        return self._suite.keep(self.cell, checkers, self.replay), scenario

    def settle(self, judgement: Judgement, faults: Sequence[Fault] = ()) -> None:
        """Report the verdict, and turn it into the outcome of the test."""
        self._suite.reached(Result(self.cell, judgement, self.replay))
        words = f"{judgement.outcome}: {judgement.reason}"
        if judgement.outcome in (Outcome.INVALID, Outcome.UNKNOWN) and self.gates:
            # Unknown as well: a client that never worked must not leave the suite green.
            schedule = f"\nfaults:  {as_code(faults)}" if faults else ""
            pytest.fail(f"{words}{schedule}\nreplay:  {self.replay}", pytrace=False)
        if judgement.outcome in (Outcome.UNKNOWN, Outcome.NOT_APPLICABLE):
            pytest.skip(words)


def _pytest() -> str:
    """How this pytest is called from here: a path where it lies below, else its plain name."""
    script = Path(sys.executable).with_name("pytest")
    return str(script.relative_to(Path.cwd())) if script.is_relative_to(Path.cwd()) else "pytest"
