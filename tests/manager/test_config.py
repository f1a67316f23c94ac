"""Settings that cannot work are refused when they are made, by name, with the rule."""

from __future__ import annotations

import math
from dataclasses import fields
from typing import Any

import pytest

from harness.manager import ChangeBinding, ChannelConfig, Config, InvalidSetting

NUMBERS = [item.name for item in fields(Config) if item.type in ("float", "int")]
assert "heartbeat_interval_s" in NUMBERS


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", [0, -1.0, math.nan, math.inf])
def test_a_number_that_cannot_work_is_named(name: str, value: float) -> None:
    wrong: dict[str, Any] = {name: value}
    with pytest.raises(InvalidSetting, match=rf"^{name}=.* must be a finite number above 0$"):
        Config(**wrong)


def test_a_heartbeat_is_judged_before_the_next() -> None:
    with pytest.raises(InvalidSetting, match=r"heartbeat_timeout_s=30.* must be less than"):
        Config(heartbeat_timeout_s=30.0)


def test_the_defaults_find_a_dead_link_within_a_heartbeat_and_a_fifth() -> None:
    config = Config()
    detection_s = config.heartbeat_interval_s + config.heartbeat_timeout_s
    assert detection_s <= 1.2 * config.heartbeat_interval_s


TODOS = ChangeBinding(table="todos")


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        (TODOS, r"changes=ChangeBinding\(.*table='todos'"),
        ("todos", "changes='todos'"),
        (None, "changes=None"),
        ([TODOS, {"event": "INSERT"}], r"changes\[1\]={'event': 'INSERT'}"),
        ({"table": TODOS}, "changes={'table'"),
    ],
)
def test_changes_that_no_join_can_carry_are_refused_by_their_channel(
    changes: Any, named: str
) -> None:
    """Sent with a join they would end the connection of every channel."""
    with pytest.raises(InvalidSetting, match=named + r".*must be a list of ChangeBinding: write"):
        ChannelConfig(changes=changes)


def test_a_list_of_changes_that_is_altered_later_alters_no_channel() -> None:
    changes: list[Any] = [TODOS]
    config = ChannelConfig(changes=changes)
    changes.append("todos")
    assert config.changes == (TODOS,)


@pytest.mark.parametrize("name", ["ack", "receive_own", "private"])
def test_a_switch_of_a_channel_is_true_or_false(name: str) -> None:
    wrong: dict[str, Any] = {name: "no"}
    with pytest.raises(InvalidSetting, match=f"^{name}='no' must be True or False$"):
        ChannelConfig(**wrong)
