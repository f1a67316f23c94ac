"""The steady load profile: many users on the real connection manager, run by Locust.

    locust -f loadtests/locustfile.py --headless -u 50 -t 30s

loads a fake server that it starts; `--host https://PROJECT.supabase.co` (with SUPABASE_ANON_KEY
set) loads that project. `--processes 2` uses two cores. The exit code is 0 when every message came
back once and in order, 1 when one did not, 2 when nothing was measured that could be judged, 3 for
a mistake in the options.
"""

from __future__ import annotations

import sys
from typing import Any, ClassVar

import gevent
from locust import User, events

from loadtests.desk import CANNOT_START
from loadtests.options import add_options
from loadtests.roles import Role, take_role

EXIT_CANNOT_START = 3
_A_LONG_TIME_S = 3600.0

_roles: dict[int, Role] = {}


def _add_options(parser: Any, **_: Any) -> None:
    add_options(parser)


def _begin(environment: Any, **_: Any) -> None:
    try:
        role = take_role(environment)
    except CANNOT_START as error:
        sys.stderr.write(f"squall: {error}\n")
        sys.exit(EXIT_CANNOT_START)
    _roles[id(environment)] = role
    environment.events.test_start.add_listener(lambda **_: role.start())
    environment.events.test_stopping.add_listener(lambda **_: role.stop())
    # Added after the runner's own, and therefore heard before it: a worker must have sent its last
    # tally when it takes its leave of the master.
    environment.events.quitting.add_listener(lambda **_: role.quit())


events.init_command_line_parser.add_listener(_add_options)
events.init.add_listener(_begin)


class SteadyUser(User):  # type: ignore[misc]
    """One user; its life is in the asyncio thread, and this greenlet only lasts as long as it."""

    def on_start(self) -> None:
        """Come."""
        self.squad = _roles[id(self.environment)].squad
        self.number = self.squad.enter()

    def on_stop(self) -> None:
        """Go."""
        self.squad.leave(self.number)

    def live(self) -> None:
        """Last."""
        gevent.sleep(_A_LONG_TIME_S)

    tasks: ClassVar = [live]
