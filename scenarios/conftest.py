"""The composition root: which server the storms run against, and how the verdicts are shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import pytest

from fake_server import FakeServer
from fake_server.plans import config_for
from harness.pytest_plugin import Plugin
from harness.store import Result
from harness.worlds.world import OnTruth
from reports.keep import keep_report
from reports.model import Row, group
from reports.render_text import findings
from reports.table import verdict_table
from scenarios.project import PROJECT


def pytest_squall_make_server(
    on_truth: OnTruth, clock: Callable[[], float], rng: Random
) -> FakeServer:
    """Storm the fake server that behaves as Supabase Realtime 2.129.8 does."""
    return FakeServer(config_for("pro", schema=PROJECT), on_truth, clock=clock, rng=rng)


@pytest.hookimpl(tryfirst=True)
def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Client × scenario in one table, the evidence against those under test, and the report."""
    plugin = config.pluginmanager.get_plugin("squall-run")
    if not isinstance(plugin, Plugin) or not plugin.suite.results:
        return
    results = sorted(plugin.suite.results, key=lambda one: (one.cell.scenario, one.cell.world))
    colour = terminalreporter.hasmarkup
    terminalreporter.section("who survived what")
    terminalreporter.write_line(verdict_table(results, colour=colour))
    for finding in _findings(results, plugin.suite.options.clients, colour):
        terminalreporter.write_line("\n" + finding)
    if plugin.suite.store:
        keep_report(plugin.suite.store.folder)
        terminalreporter.write_line(f"\nreport: {plugin.suite.store.folder / 'report.md'}")


def _findings(results: Sequence[Result], clients: Sequence[str], colour: bool) -> list[str]:
    under_test = [Row(one) for one in results if one.cell.client in clients]
    return findings(group(under_test), colour=colour)
