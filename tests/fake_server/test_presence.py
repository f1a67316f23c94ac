"""Presence: what clients track, who is told, and what ends a channel."""

from __future__ import annotations

import base64
import uuid
from typing import Any

import pytest

from tests.fake_server.core_stage import NOW_S, Client, Core, ending, reason, status, token


def metas(frame: Any, side: str = "joins") -> dict[str, list[Any]]:
    """The metas of a diff by key, without their references."""
    assert frame[3] == "presence_diff"
    return {
        key: [{k: v for k, v in meta.items() if k[:7] != "phx_ref"} for meta in entry["metas"]]
        for key, entry in frame[4][side].items()
    }


def state(frames: list[Any]) -> Any:
    """The payload of the `presence_state` that follows the join reply."""
    reply, pushed = frames
    assert (status([reply]), pushed[3]) == ("ok", "presence_state")
    return pushed[4]


def joined(core: Core, **how: Any) -> Client:
    client = core.client()
    assert status(client.join(**how)) == "ok"
    return client


def test_a_late_joiner_is_told_who_is_here_by_key_in_the_order_of_joining() -> None:
    core = Core()
    first, second, third = joined(core), joined(core), joined(core, key="a")
    second.track({"n": 2})
    first.track({"n": 1})
    third.track({"n": 3})
    told = state(core.client().join(key="late"))
    assert list(told) == ["a", "k"]
    assert [meta["n"] for meta in told["k"]["metas"]] == [1, 2]


def test_a_track_is_answered_and_told_to_the_room_with_the_keys_in_order() -> None:
    core = Core()
    alice, bob, carol = joined(core), joined(core), core.client()
    carol.join("elsewhere")
    reply, own = alice.track({"z": 1, "a": {"y": 1, "b": 2}})
    assert reply[4] == {"status": "ok", "response": {}}
    assert own[:3] == [None, None, "realtime:room"]
    assert list(own[4]["joins"]["k"]["metas"][0]) == ["phx_ref", "a", "z"]
    assert own[4]["leaves"] == {}
    assert alice.heard == {alice.conn: [reply, own], bob.conn: [own]}


def test_an_update_names_the_reference_that_it_replaces() -> None:
    core = Core()
    alice = joined(core)
    first = alice.track({"n": 1})[1][4]["joins"]["k"]["metas"][0]
    diff = alice.track({"n": 2})[1][4]
    (meta,) = diff["joins"]["k"]["metas"]
    assert list(meta) == ["phx_ref", "phx_ref_prev", "n"]
    assert meta["phx_ref_prev"] == first["phx_ref"]
    assert diff["leaves"] == {"k": {"metas": [first]}}


def test_a_reference_is_sixteen_characters_that_begin_with_the_time() -> None:
    """The real server's are nanoseconds and a counter: in order of time, none twice."""
    core = Core()
    alice, bob = joined(core), joined(core)
    refs = [who.track({"n": 1})[1][4]["joins"]["k"]["metas"][0]["phx_ref"] for who in (alice, bob)]
    assert refs[0] != refs[1]
    for ref in refs:
        raw = base64.urlsafe_b64decode(ref)
        assert (len(ref), int.from_bytes(raw[:8], "big")) == (16, int(NOW_S * 1e9))


@pytest.mark.parametrize("again", [{"n": 1}, {"n": 1, "m": None}, {"n": 1.0}, {"n": True}])
def test_only_the_very_same_payload_changes_nothing(again: Any) -> None:
    alice = joined(Core())
    alice.track({"n": 1})
    assert len(alice.track(again)) == (1 if repr(again) == "{'n': 1}" else 2)


def test_an_untrack_makes_the_same_payload_new() -> None:
    core = Core()
    alice = joined(core)
    alice.track({"n": 1})
    reply, diff = alice.push("presence", {"event": "untrack"})
    assert (status([reply]), metas(diff), metas(diff, "leaves")) == ("ok", {}, {"k": [{"n": 1}]})
    assert [frame[3] for frame in alice.push("presence", {"event": "untrack"})] == ["phx_reply"]
    (meta,) = alice.track({"n": 1})[1][4]["joins"]["k"]["metas"]
    assert "phx_ref_prev" not in meta


def test_one_key_of_two_channels_has_two_metas_and_each_leaves_alone() -> None:
    core = Core()
    alice, bob = joined(core), joined(core)
    alice.track({"n": 1})
    bob.track({"n": 2})
    assert metas(alice.close()[bob.conn][0], "leaves") == {"k": [{"n": 1}]}
    assert [meta["n"] for meta in state(core.client().join())["k"]["metas"]] == [2]


@pytest.mark.parametrize("how", ["leave", "close", "duplicate", "expiry"])
def test_whatever_ends_a_channel_ends_its_presence(how: str) -> None:
    core = Core()
    alice, bob = core.client(), joined(core)
    alice.join(access_token=token(lifetime_s=20))
    alice.track({"n": 1})
    match how:
        case "leave":
            alice.push("phx_leave", {})
            heard = alice.heard
        case "close":
            heard = alice.close()
        case "duplicate":
            alice.join()
            heard = alice.heard
        case _:
            heard = core.sent(core.node.due(NOW_S + 20))
    (diff,) = heard[bob.conn]
    assert (metas(diff), metas(diff, "leaves")) == ({}, {"k": [{"n": 1}]})
    assert state(core.client().join()) == {}


def test_a_node_that_vanishes_tells_nobody_and_forgets_everybody() -> None:
    core = Core()
    for _ in range(2):
        joined(core).track({"n": 1})
    assert core.sent(core.node.vanished(1006)) == {}
    assert core.node.connections == []
    assert state(core.client().join()) == {}


def test_without_presence_a_public_channel_gets_diffs_and_no_state() -> None:
    core = Core()
    quiet, alice = core.client(), joined(core)
    assert [frame[3] for frame in quiet.join(enabled=False)] == ["phx_reply"]
    alice.track({"n": 1})
    assert metas(alice.heard[quiet.conn][0]) == {"k": [{"n": 1}]}
    assert status(quiet.track({"n": 2})) == "ok"


def test_the_tenant_can_ask_for_everybody() -> None:
    core = Core(presence_enabled=True)
    assert state(core.client().join(enabled=False)) == {}


@pytest.mark.parametrize(
    ("payload", "answer"),
    [
        ({"event": "TRACK"}, "ok"),
        ({"event": "track", "payload": None}, "error"),
        ({"event": "track", "payload": [1]}, "error"),
        ({"event": "dance"}, "error"),
        ({"event": "UNtrack", "payload": 7}, "ok"),
        ({"type": "presence"}, "ok"),
        ({}, "ok"),
        ([], "ok"),
        (None, "ok"),
        ("track", "ok"),
    ],
)
def test_odd_pushes_are_answered_as_the_real_server_does(payload: Any, answer: str) -> None:
    assert status(joined(Core()).push("presence", payload)) == answer


def test_a_payload_that_is_no_map_is_told_so() -> None:
    assert reason(joined(Core()).track("here")) == "Presence track payload must be a map"


@pytest.mark.parametrize("event", [7, None, ["track"]])
def test_an_event_that_is_no_text_crashes_the_channel(event: Any) -> None:
    core = Core()
    alice = joined(core)
    (crash,) = alice.push("presence", {"event": event})
    assert crash == ["1", "1", "realtime:room", "phx_error", {"reason": "channel_crash"}]
    assert core.node.membership() == []


def test_the_sixth_call_in_a_window_ends_the_channel() -> None:
    """Calls are pushes with an event, of whatever kind; those without one are free."""
    core = Core()
    alice, bob = joined(core), joined(core)
    for push in ({"event": "track"}, {"event": "x"}, {}, {"event": "untrack"}):
        alice.push("presence", push)
    core.now_s += 30
    alice.push("presence", {"event": "track"})
    alice.push("presence", {"event": "track"})
    sixth = alice.push("presence", {"event": "untrack"})
    assert ending(sixth) == "Client presence rate limit exceeded"
    assert metas(alice.heard[bob.conn][0], "leaves") == {"k": [{}]}


def test_a_channel_keeps_the_window_that_it_joined_with() -> None:
    core = Core()
    before = joined(core)
    core.node.update_tenant({"max_client_presence_events_per_window": 1})
    after = joined(core)
    for number in range(2):
        frames = [each.track({"n": number}) for each in (before, after)]
    assert frames[0][0][3] == "phx_reply"
    assert ending(frames[1]) == "Client presence rate limit exceeded"


def test_the_window_begins_anew_after_its_end() -> None:
    core = Core(presence_calls_max=1)
    alice = joined(core)
    alice.track({"n": 1})
    core.now_s += 30.1
    assert status(alice.track({"n": 2})) == "ok"
    assert ending(alice.track({"n": 3})) == "Client presence rate limit exceeded"


@pytest.mark.parametrize(("padding", "ends"), [(1470, False), (1490, True)])
def test_a_payload_beyond_the_tenants_limit_ends_the_channel(padding: int, ends: bool) -> None:
    """1 kB of limit is 1500 bytes of Erlang's format, of which the name here takes some 20."""
    frames = joined(Core(payload_kb_max=1)).track({"d": "x" * padding})
    if ends:
        assert ending(frames) == "Track message size exceeded"
    else:
        assert status(frames) == "ok"


@pytest.mark.parametrize("key", [None, ""])
def test_without_a_key_the_server_makes_one_for_each_channel(key: Any) -> None:
    core = Core()
    keys = [next(iter(joined(core, key=key).track({})[1][4]["joins"])) for _ in range(2)]
    assert keys[0] != keys[1]
    assert [uuid.UUID(made).version for made in keys] == [1, 1]


@pytest.mark.parametrize(("key", "shown"), [(7, "7"), (True, "true"), ("ключ", "ключ")])
def test_a_key_is_shown_as_text(key: Any, shown: str) -> None:
    assert metas(joined(Core(), key=key).track({})[1]) == {shown: [{}]}


PRIVATE: dict[str, Any] = {"private": True, "access_token": token()}


def test_who_may_not_write_cannot_track_and_can_still_untrack() -> None:
    core = Core()
    alice = core.client()
    assert state(alice.join("ro-1", **PRIVATE)) == {}
    (reply,) = alice.track({"n": 1}, "ro-1")
    assert reply[4] == {"status": "error", "response": {}}
    assert status(alice.push("presence", {"event": "untrack"}, "ro-1")) == "ok"


def test_a_private_channel_without_presence_hears_diffs_once_it_has_tracked() -> None:
    """They come through the channel itself, which shows in their join_ref."""
    core = Core()
    alice, bob = core.client(), core.client()
    alice.join("priv-1", **PRIVATE)
    bob.join("priv-1", enabled=False, **PRIVATE)
    alice.track({"n": 1}, "priv-1")
    assert bob.conn not in alice.heard
    reply, own = bob.track({"n": 2}, "priv-1")
    assert (reply[4]["status"], own[0]) == ("ok", "1")
    assert bob.heard[alice.conn][0][0] is None
    alice.track({"n": 3}, "priv-1")
    assert alice.heard[bob.conn][0][:2] == ["1", None]


def test_a_broadcast_before_the_first_track_withholds_the_diffs_for_good() -> None:
    """One look at the write policies covers both, so the read policy is never looked at."""
    core = Core()
    alice = core.client()
    alice.join("priv-1", enabled=False, **PRIVATE)
    alice.push("broadcast", {"event": "x"}, "priv-1")
    assert [frame[3] for frame in alice.track({"n": 1}, "priv-1")] == ["phx_reply"]


def test_who_may_read_only_broadcasts_gets_no_presence() -> None:
    core = Core()
    alice, service = core.client(), core.client()
    assert [frame[3] for frame in alice.join("bonly-1", **PRIVATE)] == ["phx_reply"]
    service.join("bonly-1", private=True, access_token=token("service_role"))
    assert status(service.track({"n": 1}, "bonly-1")) == "ok"
    assert alice.conn not in service.heard
