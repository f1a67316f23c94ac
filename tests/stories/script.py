"""What was done in a recorded case, and when: `scripts.json`, checked before anything is played."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SCRIPTS = "scripts.json"
CLIENTS = ("py", "js")
NO_HANDLER = "no_handler_for_uncaught_exceptions"
SIGNALS = ("TERM", "KILL")
CALLBACKS = ("broadcast", "change", "status", "system")
"""The callbacks of an application that can be told to raise."""


class BadScript(ValueError):
    """A script that cannot be played: names file, case, step and the rule."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was done, `at_s` seconds after the client's `connect`."""

    at_s: float
    on: str
    do: str
    what: Mapping[str, Any]

    def __getitem__(self, name: str) -> Any:
        return self.what[name]


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """One case; every time is in seconds after the client's `connect`."""

    name: str
    client: str
    case: str
    before: tuple[Step, ...]
    """Made before the client starts."""
    steps: tuple[Step, ...]
    """In the order of their times."""
    broadcast_every_s: float | None
    """The period of the numbered broadcasts on every topic of the case; None is a quiet topic."""
    row_every_s: float | None
    begin_s: float | None
    """When the fault began; None where there was none."""
    healed_s: float | None

    @property
    def duration_s(self) -> float:
        """How long it takes to play."""
        return max(step.at_s for step in self.steps)


_VOCABULARY: dict[tuple[str, str], tuple[str, ...]] = {
    ("client", "connect"): (),
    ("client", "new_channel"): ("id", "topic"),
    ("client", "subscribe"): ("id",),
    ("client", "unsubscribe"): ("id",),
    ("client", "resubscribe_at_once"): ("topic", "wait"),
    ("client", "set_auth"): (),
    ("client", "track"): ("id",),
    ("client", "raise_in_next_callback"): ("kind",),
    ("client", "send"): ("id",),
    ("client", "close"): (),
    ("client", NO_HANDLER): (),
    ("proxy", "add_toxic"): ("type", "stream", "attributes"),
    ("proxy", "remove_toxic"): ("type", "stream"),
    ("proxy", "disable"): (),
    ("proxy", "enable"): (),
    ("server", "tenant_set"): (),
    ("server", "tenant_reload"): (),
    ("server", "signal"): ("signal",),
    ("server", "start"): (),
    ("upstream", "close_connections"): (),
    ("upstream", "accept_then_close"): ("until_s",),
    ("publisher", "probe"): ("topic",),
    ("publisher", "burst"): ("broadcasts_per_s", "at_most_s"),
}
"""What can be done on whom, and what each step has to say."""

_CHOICES: dict[tuple[str, str], tuple[str, tuple[str, ...]]] = {
    ("server", "signal"): ("signal", SIGNALS),
    ("client", "raise_in_next_callback"): ("kind", CALLBACKS),
    ("proxy", "add_toxic"): ("stream", ("upstream", "downstream")),
    ("proxy", "remove_toxic"): ("stream", ("upstream", "downstream")),
}
_LIFETIMES = ("token_expires_at_s", "token_lifetime_s")


def read_scripts(path: Path) -> dict[str, Script]:
    """The scripts of a file by name. Raises `BadScript`."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadScript(f"{path}: cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise BadScript(f"{path}: is no JSON: {error}") from None
    if not isinstance(found, dict) or not found:
        raise BadScript(f"{path}: is no object of scripts by CLIENT.CASE")
    return {name: _Reader(f"{path}: {name}").script(name, value) for name, value in found.items()}


class _Reader:
    """Reads one script; `where` begins every complaint."""

    def __init__(self, where: str) -> None:
        self._where = where

    def script(self, name: str, value: Any) -> Script:
        if not isinstance(value, dict):
            raise self._bad("is no object")
        client, case = self._client(name, value)
        publish = value.get("publish") or {}
        begin_s, healed_s = self._fault(value.get("fault_s"))
        return Script(
            name=name,
            client=client,
            case=case,
            before=tuple(self._steps("before", value.get("before", []), timed=False)),
            steps=tuple(self._ordered(value.get("steps"))),
            broadcast_every_s=self._period(publish, "broadcast_every_s"),
            row_every_s=self._period(publish, "row_every_s"),
            begin_s=begin_s,
            healed_s=healed_s,
        )

    def _client(self, name: str, value: Mapping[str, Any]) -> tuple[str, str]:
        client, _, case = name.partition(".")
        client, case = value.get("client", client), value.get("case", case)
        if client not in CLIENTS:
            raise self._bad(f"client {client!r} is none of {', '.join(CLIENTS)}")
        return client, str(case)

    def _ordered(self, steps: Any) -> list[Step]:
        found = sorted(self._steps("step", steps, timed=True), key=lambda step: step.at_s)
        calls = [step.do for step in found if step.on == "client"]
        if "connect" not in calls or "close" not in calls:
            raise self._bad("has to make the client connect, and close in the end")
        return found

    def _steps(self, kind: str, steps: Any, *, timed: bool) -> Iterator[Step]:
        if not isinstance(steps, list):
            raise self._bad(f"{kind}: is no list of steps")
        for number, value in enumerate(steps, 1):
            yield self._step(f"{kind} {number}", value, timed)

    def _step(self, kind: str, value: Any, timed: bool) -> Step:
        if not isinstance(value, dict):
            raise self._bad(f"{kind}: is no object")
        what = dict(value)
        on, do = what.pop("on", None), what.pop("do", None)
        kind = f"{kind} ({on} {do})"
        if (on, do) not in _VOCABULARY:
            known = ", ".join(f"{on} {do}" for on, do in _VOCABULARY)
            raise self._bad(f"{kind}: there is no such step; there are: {known}")
        at_s = what.pop("at_s", None if timed else 0.0)
        if not _is_number(at_s):
            raise self._bad(f"{kind}: at_s: {at_s!r} is no number of seconds")
        for name in _VOCABULARY[on, do]:
            if name not in what:
                raise self._bad(f"{kind}: does not say {name!r}")
        self._check_values(kind, on, do, what)
        return Step(float(at_s), on, do, what)

    def _check_values(self, kind: str, on: str, do: str, what: Mapping[str, Any]) -> None:
        if (on, do) in _CHOICES:
            name, choices = _CHOICES[on, do]
            if what[name] not in choices:
                raise self._bad(f"{kind}: {name}: {what[name]!r} is none of {', '.join(choices)}")
        if do == "tenant_set" and not what:
            raise self._bad(f"{kind}: names no setting")
        if do == "set_auth" and sum(name in what for name in _LIFETIMES) != 1:
            raise self._bad(f"{kind}: has to say one of {' and '.join(_LIFETIMES)}")
        for name in ("until_s", "at_most_s", "broadcasts_per_s", *_LIFETIMES):
            if name in what and not _is_number(what[name]):
                raise self._bad(f"{kind}: {name}: {what[name]!r} is no number")

    def _fault(self, value: Any) -> tuple[float | None, float | None]:
        times = value or [None, None]
        if not (isinstance(times, list) and len(times) == 2):
            raise self._bad(f"fault_s: {value!r} is no [begin, healed]")
        for time in times:
            if time is not None and not _is_number(time):
                raise self._bad(f"fault_s: {time!r} is no number of seconds")
        return times[0], times[1]

    def _period(self, publish: Any, name: str) -> float | None:
        value = publish.get(name) if isinstance(publish, dict) else publish
        if value is not None and not (_is_number(value) and value > 0):
            raise self._bad(f"publish: {name}: {value!r} is no period in seconds")
        return value

    def _bad(self, words: str) -> BadScript:
        return BadScript(f"{self._where}: {words}")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
