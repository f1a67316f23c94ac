"""What a client says is checked as it comes in, and what is wrong with it is told in a line."""

from __future__ import annotations

import math
from typing import Any

import pytest

from harness.clients.manager import Manager
from harness.clients.vocabulary import CALLS, EVENTS, complaint
from harness.history import Op
from harness.run import Storm, run_storm
from harness.scenario import Scenario
from harness.store import Cell
from harness.verdict import Outcome
from harness.workloads import Changes
from harness.worlds.sim import SimWorld
from tests.servers import make_server

WHOLE: dict[str, Any] = {"topic": "room", "id": 1, "sender": "source", "last_s": 2.5}
SEE = "; see docs/adding/client.md"


def said(f: str, **value: Any) -> Op:
    return Op(process="client-0", type="info", f=f, value=value)


@pytest.mark.parametrize("f", EVENTS)
def test_an_event_is_whole_with_its_fields_and_whatever_it_says_besides(f: str) -> None:
    assert complaint(said(f, **WHOLE, more=[1]), "client-0") is None
    for field in EVENTS[f]:
        value = {key: one for key, one in WHOLE.items() if key != field.name}
        line = f"client-0 said {f!r} without {field.name}{SEE}"
        assert complaint(said(f, **value), "client-0") == line


@pytest.mark.parametrize(
    ("f", "value", "wrong"),
    [
        ("joined", {"topic": None}, "with topic None, which is not a text"),
        ("received", {"id": "7"}, "with id '7', which is not a whole number"),
        ("received", {"id": [1]}, "with id [1], which is not a whole number"),
        ("changed", {"id": True}, "with id True, which is not a whole number"),
        ("feed_gap", {"last_s": math.nan}, "with last_s nan, which is not a finite number"),
        ("feed_gap", {"last_s": math.inf}, "with last_s inf, which is not a finite number"),
        ("feed_gap", {"last_s": -1}, "with last_s -1, which is not a finite number"),
        ("recieved", {}, "which is no event: joined, lost"),
    ],
)
def test_a_field_that_cannot_be_judged_is_named_with_its_rule(
    f: str, value: dict[str, Any], wrong: str
) -> None:
    line = complaint(said(f, **{**WHOLE, **value}), "client-0")
    assert line is not None
    assert line.startswith(f"client-0 said {f!r} {wrong}")
    assert line.endswith(SEE)


def test_nobody_speaks_for_another() -> None:
    op = Op(process="server", type="info", f="joined", value=WHOLE)
    assert complaint(op, "client-0") == f"client-0 said 'joined' in the name of 'server'{SEE}"


def test_an_answer_to_nothing_is_no_event() -> None:
    op = Op(process="client-0", type="ok", f="subscribe", value=WHOLE)
    line = f"client-0 said 'subscribe' as 'ok' without the id of a call: an event is an 'info'{SEE}"
    assert complaint(op, "client-0") == line


@pytest.mark.parametrize("f", CALLS)
def test_a_call_of_its_own_says_what_it_is_of(f: str) -> None:
    whole = {**WHOLE, "token_id": "second"}
    call = Op(process="client-0", type="invoke", f=f, value=whole, id=-1)
    assert complaint(call, "client-0") is None
    for field in CALLS[f]:
        value = {key: one for key, one in whole.items() if key != field.name}
        bare = Op(process="client-0", type="invoke", f=f, value=value, id=-1)
        assert complaint(bare, "client-0") == f"client-0 said {f!r} without {field.name}{SEE}"


def test_what_is_shown_is_short_and_holds_no_key() -> None:
    key = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJtZSJ9.c2lnbmF0dXJl"
    line = complaint(said(key, **WHOLE), "client-0")
    assert line is not None
    assert "eyJ" not in line
    line = complaint(said("joined", topic=["x" * 9999]), "client-0")
    assert line is not None
    assert len(line) < 200


class LeavesOut(Manager):
    """An adapter that forgets one field of one event."""

    event, field = "received", "id"

    def _emit(self, f: str, **value: Any) -> None:
        if f == self.event:
            del value[self.field]
        super()._emit(f, **value)


class LeavesOutTheRow(LeavesOut):
    event, field = "changed", "id"


class LeavesOutTheTopic(LeavesOut):
    event, field = "feed_live", "topic"


@pytest.mark.parametrize("maker", [LeavesOut, LeavesOutTheRow, LeavesOutTheTopic])
def test_a_run_of_a_client_that_leaves_out_a_field_says_so_and_nothing_else(
    maker: type[LeavesOut], caplog: pytest.LogCaptureFixture
) -> None:
    scenario = Scenario(workload=Changes(clients=1))
    storm = Storm(Cell("vocabulary", "hand", "sim", 1), scenario, maker)
    judgement = run_storm(storm, SimWorld(make_server))
    assert judgement.outcome is Outcome.UNKNOWN
    line = f"client-0 said {maker.event!r} without {maker.field}{SEE}"
    assert judgement.reason == f"run: {line}"
    assert "Traceback" not in caplog.text
    assert "a checker broke" not in caplog.text
