"""What a load test can be told beyond Locust's own options, and how it is read."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from harness.entropy import BadSeed, parse_seed

SPAWN_PER_S = 25.0
"""Locust's own default, 1 user each second, would leave `-u 50 -t 30s` without its 50 users."""
RATE_PER_S_MAX = 1000.0
LOOPBACK = "127.0.0.1"


class BadOption(ValueError):
    """An option that cannot be followed: names it, the rule and the mend."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The options, read."""

    seed: int
    rate_per_s: float
    """Messages that each user sends each second."""
    report: str | None


def add_options(parser: Any) -> None:
    """Add them to Locust's parser; none is on its web page, and the key is in no file."""
    parser.add_argument(
        "--apikey",
        env_var="SUPABASE_ANON_KEY",
        include_in_web_ui=False,
        help="The anonymous API key for --host; better given by the environment variable",
    )
    parser.add_argument(
        "--rt-report",
        metavar="DIR",
        include_in_web_ui=False,
        help="The run folder to write (default: runs/load-<time>)",
    )
    parser.add_argument(
        "--rt-rate",
        default="1",
        include_in_web_ui=False,
        help="Messages that each user sends each second (default: 1)",
    )
    parser.add_argument(
        "--rt-seed",
        default="1",
        include_in_web_ui=False,
        help="Fixes each user's phase and jitter (default: 1)",
    )
    parser.set_defaults(
        spawn_rate=SPAWN_PER_S,
        # Locust listens on every interface unless told otherwise, and has no password.
        web_host=LOOPBACK,
        master_bind_host=LOOPBACK,
    )


def read_settings(options: Any) -> Settings:
    """Read what was said. Raises `BadOption`."""
    try:
        seed = parse_seed(str(options.rt_seed))
    except BadSeed as error:
        raise BadOption(f"--rt-seed: {error}") from None
    return Settings(seed, _rate(str(options.rt_rate)), options.rt_report)


def _rate(said: str) -> float:
    try:
        rate_per_s = float(said)
    except ValueError:
        rate_per_s = math.nan
    if not 0 < rate_per_s <= RATE_PER_S_MAX:
        raise BadOption(
            f"--rt-rate {said!r} is not a number of messages per second: "
            f"say more than 0, at most {RATE_PER_S_MAX:g}"
        )
    return rate_per_s
