"""What each lever does when it is pulled; what is said of it is in `registry`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from fake_server.levers.lever import Ground, Pull, Pulling, Undo
from fake_server.switches import rules
from fake_server.switches.rules import Act, Rule
from fake_server.switches.thrown import HttpRefusal, Kind, Switch
from fake_server.switches.trouble import TROUBLES
from fake_server.tenant import FIELDS, current
from harness.protocol import BROADCAST, PHOENIX, Message

TENANT_FIELDS = tuple(name for name in FIELDS if not name.startswith("jwt_"))
"""The settings of the tenant that a lever may change; a secret would show in every list."""


# Frames.


def by_rule(make: Callable[[Pull], Act], only: Callable[[Message], bool] | None = None) -> Pulling:
    """A lever that puts a frame rule in force."""

    def act(ground: Ground, pull: Pull) -> Undo:
        rule = Rule(
            act=make(pull),
            sender=pull.values.get("sender", "server"),
            where=pull.where,
            choice=pull.choice,
            only=only or (lambda message: True),
        )
        ground.node.switches.rules.add(rule)
        return lambda: ground.perform(ground.node.switches.rules.remove(rule))

    return act


def drop(pull: Pull) -> Act:
    return rules.drop


def duplicate(pull: Pull) -> Act:
    return partial(rules.duplicate, times=pull["times"], gap_s=pull["gap_s"])


def late(pull: Pull) -> Act:
    return partial(rules.late, delay_s=pull["delay_s"], jitter_s=pull["jitter_s"])


def is_no_heartbeat(message: Message) -> bool:
    return bool(message.topic != PHOENIX)


def omit_acks(ground: Ground, pull: Pull) -> Undo | None:
    pull.where = replace(pull.where, answers=BROADCAST)
    return by_rule(drop)(ground, pull)


# Switches.


def by_switch(kind: Kind, value: Callable[[Pull], Any]) -> Pulling:
    """A lever that the core asks about."""

    def act(ground: Ground, pull: Pull) -> Undo:
        switch = Switch(kind, value(pull), pull.where, pull.choice)
        ground.node.switches.throw(switch)
        return lambda: ground.node.switches.take_back(switch)

    return act


def refuse(ground: Ground, pull: Pull) -> Undo:
    """Upgrades are refused; or, where a path is named, the other requests for it."""
    kind = Kind.REFUSE if pull.where.path is None else Kind.ANSWER
    refusal = HttpRefusal(pull["status"], pull["retry_after_s"])
    return by_switch(kind, lambda _: refusal)(ground, pull) or (lambda: None)


_STALL_S = 24 * 3600.0
"""Longer than any client waits, and than the library that reads the upgrade."""


def stall(pull: Pull) -> HttpRefusal:
    return HttpRefusal(504, delay_s=_STALL_S)


# What happens once.


def to_connections(strike: Callable[[Ground, Pull, list[int]], None]) -> Pulling:
    """A lever that strikes the live connections in scope."""

    def act(ground: Ground, pull: Pull) -> None:
        conns = [conn for conn in ground.node.matching(pull.where) if pull.choice.takes()]
        strike(ground, pull, conns)

    return act


def close(ground: Ground, pull: Pull, conns: list[int]) -> None:
    ground.perform(ground.node.hang_up(conns, pull["code"]))


def stray(event: str | None, payload: Any, stale: bool) -> Pulling:
    """A lever that pushes to the joined channels in scope what no feature would."""

    def act(ground: Ground, pull: Pull) -> None:
        channels = [one for one in ground.node.channels(pull.where) if pull.choice.takes()]
        body = pull["payload"] if payload is None else payload
        ground.perform(ground.node.stray(channels, event or pull["name"], body, stale))

    return act


# What takes time, and the server as a whole.


def drain(ground: Ground, pull: Pull) -> None:
    conns = [conn for conn in ground.node.matching(pull.where) if pull.choice.takes()]
    pull.work.append(lambda: ground.drain(conns, pull["batch"], pull["gap_s"], pull["code"]))


def restart(ground: Ground, pull: Pull) -> Undo:
    pull.choice.takes()
    pull.work.append(ground.halt)
    return lambda: pull.work.append(ground.resume)


def sigterm(ground: Ground, pull: Pull) -> Undo:
    pull.choice.takes()
    pull.work.append(lambda: ground.terminate(pull["batch"], pull["gap_s"], pull["linger_s"]))
    return lambda: pull.work.append(ground.resume)


def jump_clock(ground: Ground, pull: Pull) -> Undo:
    pull.choice.takes()
    ground.jump(pull["by_s"])
    return lambda: ground.jump(-pull["by_s"])


def feed_down(ground: Ground, pull: Pull) -> None:
    pull.choice.takes()
    ground.node.lose_feed()


def reload_tenant(ground: Ground, pull: Pull) -> None:
    pull.choice.takes()
    ground.perform(ground.node.disconnect_tenant())


def database_down(ground: Ground, pull: Pull) -> Undo:
    trouble, began_s = TROUBLES[pull["how"]], ground.now_s()
    undo = by_switch(Kind.TROUBLE, lambda pull: trouble)(ground, pull)

    def found() -> None:
        was_down = ground.node.switches.database_is_down
        assert undo is not None
        undo()
        if was_down and not ground.node.switches.database_is_down:
            ground.perform(ground.node.find_database(ground.now_s() - began_s))

    return found


def delete_tenant(ground: Ground, pull: Pull) -> Undo | None:
    pull.choice.takes()
    undo = by_switch(Kind.DELETED, lambda pull: True)(ground, pull)
    ground.perform(ground.node.disconnect_tenant())
    return undo


def set_limits(ground: Ground, pull: Pull) -> Undo:
    """Set what was given, and put back what was there; a later change to the same is lost then."""
    given = {name: value for name, value in pull.values.items() if name in TENANT_FIELDS}
    wanted = {name: value for name, value in given.items() if value is not None}
    before = current(ground.node.config, wanted)
    pull.choice.takes()
    ground.update_tenant(wanted)
    return lambda: ground.update_tenant(before)
