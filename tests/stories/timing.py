"""What a recording says about time beyond its script: phases, and who won a close race."""

from __future__ import annotations

import statistics
from collections.abc import Iterable

from tests.stories.script import Script, Step
from tests.stories.story import is_attempt
from tests.stories.transcript import Transcript

RACE_S = 0.15
"""An attempt to connect that was so close to a heal is a race, which a busy machine decides."""
_FIRST = 15
_ROW_READ_S = 0.05
"""How long a row waits at least until the log is read."""
_HEALS = (("proxy", "remove_toxic"), ("proxy", "enable"))


def broadcast_phase_s(script: Script, recorded: Transcript) -> float:
    """When the first batch is due, at most a period after `connect`: a cut that the next message
    brings about comes as soon as it did in the recording."""
    heard = (
        (line.t, line.data["seq"])
        for line in recorded.of("client", "broadcast")
        if line.data["event"] == "n"
    )
    return _phase_s(heard, script.broadcast_every_s or 1.0)


def row_phase_s(script: Script, recorded: Transcript) -> float:
    """The same for rows, as nearly as it shows."""
    changes = recorded.of("client", "change")
    heard = ((line.t - _ROW_READ_S, line.data["num"]) for line in changes if line.data["num"])
    return _phase_s(heard, script.row_every_s or 1.0)


def begin_fraction(script: Script, recorded: Transcript) -> float | None:
    """Where in a second of the day the client connected, if tokens have a part: what they are good
    for is reckoned in whole seconds."""
    if not any(step.do == "set_auth" for step in script.steps):
        return None
    heard = recorded.of("client", "broadcast")
    begun_s = [line.data["sent"] - line.t for line in heard if "sent" in line.data]
    return max(begun_s) % 1 if begun_s else None


def upgrade_s(recorded: Transcript) -> float:
    """How long the real server took to answer an upgrade: clients that connect again without a
    pause are as many as it answers."""
    asked_s = {line.data["conn"]: line.t for line in recorded.of("server", "upgrade request")}
    answers = recorded.of("server", "upgrade answer")
    took_s = [
        line.t - asked_s[line.data["conn"]]
        for line in answers
        if line.data["status"] == 101 and line.data["conn"] in asked_s
    ]
    return statistics.median(took_s) if took_s else 0.0


def _phase_s(heard: Iterable[tuple[float, int]], period_s: float) -> float:
    first = list(heard)[:_FIRST]
    if not first:
        return 0.0
    return min(at_s - period_s * number for at_s, number in first) % period_s


def at_s(step: Step, recorded: Transcript) -> float:
    """When a step is done: as scripted, unless it healed while the client tried to connect, or had
    just noticed its loss by itself.

    Scripts say when a call had returned, and the recorded client was slowed by its machine. So that
    the same of the two comes first again, such a heal is done a little earlier or later.
    """
    if (step.on, step.do) not in _HEALS:
        return step.at_s
    tried_s = [line.t for line in recorded.lines if is_attempt(line)]
    lost_s = [
        line.t for line in recorded.of("client", "status") if line.data["status"] != "SUBSCRIBED"
    ]
    just_before = any(0 <= step.at_s - at <= RACE_S for at in (*tried_s, *lost_s))
    just_after = any(0 < tried - step.at_s <= RACE_S for tried in tried_s)
    if just_before is just_after:
        return step.at_s
    return step.at_s + (RACE_S if just_before else -RACE_S)
