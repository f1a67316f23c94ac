"""The composition root: which server the storms run against, and how the verdicts are shown."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from reports.table import verdict_table

from fake_server import FakeServer
from harness.pytest_plugin import Plugin
from harness.worlds.world import OnTruth


def pytest_squall_make_server(
    on_truth: OnTruth, clock: Callable[[], float], rng: Random
) -> FakeServer:
    """Storm the fake server that behaves as Supabase Realtime 2.129.8 does."""
    return FakeServer(on_truth=on_truth, clock=clock, rng=rng)


@pytest.hookimpl(tryfirst=True)
def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Client × scenario, in one table."""
    plugin = config.pluginmanager.get_plugin("squall-run")
    if isinstance(plugin, Plugin) and plugin.results:
        colour = terminalreporter.hasmarkup
        terminalreporter.section("who survived what")
        terminalreporter.write_line(verdict_table(plugin.results, colour=colour))
