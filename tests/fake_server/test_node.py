"""The core without a loop: facts in, effects out."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fake_server import ServerConfig
from fake_server.effects import Block, Effect, Hangup, Send, SendAll, Truth
from fake_server.handshake import Admission
from fake_server.node import Node
from fake_server.switches.thrown import Kind, Switch
from fake_server.switches.where import Choice
from fake_server.tokens import sign
from harness.protocol import V1, V2, Codec
from tests.fake_server.recorded_policies import RECORDED_SCHEMA

NOW_S = 1_800_000_000.0
CONFIG = ServerConfig(channels_per_client_max=2, payload_kb_max=1, schema=RECORDED_SCHEMA)
JOIN = {"config": {"broadcast": {"self": True, "ack": True}}}


def token(role: str = "anon", lifetime_s: float = 3600, **claims: Any) -> str:
    return sign({"role": role, "exp": NOW_S + lifetime_s, **claims}, CONFIG.jwt_secret)


def opened(node: Node, codec: Codec = V2) -> int:
    conn, _ = node.opened(Admission(codec, token(), "alice"))
    return conn


def receive(node: Node, conn: int, *message: Any, now_s: float = NOW_S) -> list[Effect]:
    return node.receive(conn, json.dumps(message), now_s)


def sent(effects: list[Effect]) -> list[Any]:
    return [json.loads(effect.frame) for effect in effects if isinstance(effect, Send)]


def told(effects: list[Effect], f: str) -> list[Any]:
    return [effect.value for effect in effects if isinstance(effect, Truth) and effect.f == f]


def joined(node: Node, topic: str = "realtime:room", codec: Codec = V2, **payload: Any) -> int:
    conn = opened(node, codec)
    message = json.dumps(["1", "1", topic, "phx_join", {**JOIN, **payload}])
    if codec is V1:
        fields = {"topic": topic, "event": "phx_join", "payload": {**JOIN, **payload}}
        message = json.dumps({**fields, "ref": "1", "join_ref": "1"})
    effects = node.receive(conn, message, NOW_S)
    assert told(effects, "join")
    return conn


def late_joins(node: Node, delay_s: float, count: int | None = None) -> None:
    node.switches.throw(Switch(Kind.LATE_JOIN, delay_s, choice=Choice(count=count)))


def test_a_refused_join_blocks_the_socket_and_is_answered_when_that_ends() -> None:
    node = Node(CONFIG)
    conn = opened(node)
    bad = {**JOIN, "access_token": "junk"}
    effects = receive(node, conn, "1", "1", "realtime:room", "phx_join", bad)
    assert effects[-1] == Block(conn, CONFIG.join_error_delay_s)
    assert sent(effects) == []
    assert sent(node.resume(conn, NOW_S + 5))[0][4]["status"] == "error"
    assert node.membership() == []


def test_a_refused_rejoin_ends_the_old_join_too() -> None:
    """Phoenix closes the old channel before it looks at the new join."""
    node = Node(CONFIG)
    conn = joined(node)
    bad = {**JOIN, "access_token": "junk"}
    effects = receive(node, conn, "2", "2", "realtime:room", "phx_join", bad)
    assert [leave["by"] for leave in told(effects, "leave")] == ["duplicate"]
    assert [frame[3] for frame in sent(node.resume(conn, NOW_S))] == ["phx_reply", "phx_close"]


def test_a_connection_that_ended_while_blocked_is_not_joined() -> None:
    node = Node(CONFIG)
    late_joins(node, 10.0)
    conn = opened(node)
    receive(node, conn, "1", "1", "realtime:room", "phx_join", JOIN)
    node.closed(conn, 1006, "network")
    assert node.resume(conn, NOW_S + 10) == []
    assert node.membership() == []


def test_a_late_join_that_is_refused_is_as_late_as_the_lever_says() -> None:
    node = Node(CONFIG)
    late_joins(node, 20.0)
    bad = {**JOIN, "access_token": "junk"}
    conn = opened(node)
    assert receive(node, conn, "1", "1", "realtime:room", "phx_join", bad)[-1] == Block(conn, 20.0)


def test_the_token_of_a_channel_that_was_left_is_not_looked_at() -> None:
    node = Node(CONFIG)
    conn = joined(node, access_token=token("authenticated", lifetime_s=20))
    receive(node, conn, "1", "2", "realtime:room", "phx_leave", {})
    node.due(NOW_S)
    assert node.due(NOW_S + 20) == []
    assert node.next_due_s == NOW_S + CONFIG.no_channel_timeout_s


def test_a_join_right_after_a_leave_ends_the_channel_and_the_leave_is_not_answered() -> None:
    """Recorded: the socket reads on before the channel leaves, and answers the new join first."""
    node = Node(CONFIG)
    conn = joined(node)
    assert sent(receive(node, conn, "1", "2", "realtime:room", "phx_leave", {})) == []
    effects = receive(node, conn, "3", "3", "realtime:room", "phx_join", JOIN)
    assert [leave["by"] for leave in told(effects, "leave")] == ["duplicate"]
    assert [frame[1:4:2] for frame in sent(effects)] == [["3", "phx_reply"], ["1", "phx_close"]]
    assert sent(node.due(NOW_S + 1)) == []


def test_a_channel_leaves_before_it_does_what_it_is_asked_next() -> None:
    node = Node(CONFIG)
    conn = joined(node)
    receive(node, conn, "1", "2", "realtime:room", "phx_leave", {})
    assert node.next_due_s == NOW_S
    frames = sent(receive(node, conn, "1", "3", "realtime:room", "broadcast", {}))
    assert [frame[1] for frame in frames] == ["2", "1", "3"]
    assert frames[2][4]["response"] == {"reason": "unmatched topic"}


def test_only_as_many_joins_are_late_as_the_lever_says() -> None:
    node = Node(CONFIG)
    late_joins(node, 10.0, count=1)
    first, second = opened(node), opened(node)
    late = receive(node, first, "1", "1", "realtime:room", "phx_join", JOIN)
    prompt = receive(node, second, "1", "1", "realtime:room", "phx_join", JOIN)
    assert late[-1] == Block(first, 10.0)
    assert sent(prompt)[0][4]["status"] == "ok"


def test_one_socket_joins_so_many_channels_and_a_rejoin_is_free() -> None:
    node = Node(CONFIG)
    conn = joined(node)
    receive(node, conn, "2", "2", "realtime:hall", "phx_join", JOIN)
    assert sent(receive(node, conn, "3", "3", "realtime:hall", "phx_join", JOIN))
    receive(node, conn, "4", "4", "realtime:attic", "phx_join", JOIN)
    (reply,) = sent(node.resume(conn, NOW_S))
    assert reply[4]["response"] == {"reason": "ChannelRateLimitReached: Too many channels"}


def test_a_broadcast_is_encoded_once_for_each_version() -> None:
    node = Node(CONFIG)
    for codec in (V2, V2, V1, V1):
        joined(node, codec=codec)
    body = {"type": "broadcast", "event": "shot", "payload": {}}
    effects = receive(node, 1, "1", "2", "realtime:room", "broadcast", body)
    v2, v1 = [effect for effect in effects if isinstance(effect, SendAll)]
    assert (v2.conns, v1.conns) == ([1, 2], [3, 4])
    assert json.loads(v2.frame)[2:] == ["realtime:room", "broadcast", body]
    assert json.loads(v1.frame)["payload"] == body


@pytest.mark.parametrize(("padding", "status"), [(1440, "ok"), (1460, "error")])
def test_the_payload_limit_counts_erlangs_bytes(padding: int, status: str) -> None:
    """1 kB of limit is 1500 bytes of Erlang's format, of which the names here take some 50."""
    node = Node(CONFIG)
    conn = joined(node)
    body = {"event": "x", "payload": {"d": "x" * padding}}
    effects = receive(node, conn, "1", "2", "realtime:room", "broadcast", body)
    assert sent(effects)[-1][4]["status"] == status


def test_private_and_public_channels_of_one_name_do_not_hear_each_other() -> None:
    node = Node(CONFIG)
    secret: dict[str, Any] = {"config": {"private": True}, "access_token": token("authenticated")}
    joined(node, "realtime:priv-1")
    hidden = joined(node, "realtime:priv-1", **secret)
    body = {"event": "x", "payload": {}}
    effects = receive(node, hidden, "1", "2", "realtime:priv-1", "broadcast", body)
    assert sent(effects) == []


def test_a_new_token_without_permission_ends_a_private_channel() -> None:
    node = Node(CONFIG)
    secret: dict[str, Any] = {"config": {"private": True}, "access_token": token("authenticated")}
    conn = joined(node, "realtime:priv-1", **secret)
    worse = {"access_token": token("anon")}
    system, close = sent(receive(node, conn, "1", "2", "realtime:priv-1", "access_token", worse))
    assert system[4]["message"] == (
        "You do not have permissions to read from this Channel topic: priv-1"
    )
    assert close[3] == "phx_close"


def test_tokens_are_looked_at_when_they_run_out_and_only_the_latest_look_counts() -> None:
    node = Node(CONFIG)
    conn = joined(node, access_token=token("authenticated", lifetime_s=20))
    assert node.next_due_s == NOW_S + 20
    longer = {"access_token": token("authenticated", lifetime_s=40)}
    receive(node, conn, "1", "2", "realtime:room", "access_token", longer)
    assert node.due(NOW_S + 20) == []
    assert node.next_due_s == NOW_S + 40
    effects = node.due(NOW_S + 40)
    assert [frame[3] for frame in sent(effects)] == ["system", "phx_close"]
    assert node.next_due_s == NOW_S + CONFIG.no_channel_timeout_s


def test_long_lived_tokens_are_looked_at_every_interval() -> None:
    node = Node(CONFIG)
    joined(node)
    assert node.next_due_s == NOW_S + CONFIG.token_check_interval_s
    assert node.due(node.next_due_s) == []
    assert node.next_due_s == NOW_S + 2 * CONFIG.token_check_interval_s


def test_a_muted_node_records_frames_and_answers_none() -> None:
    node = Node(CONFIG)
    conn = joined(node)
    node.stop_apps(node.connections)
    effects = receive(node, conn, None, "2", "phoenix", "heartbeat", {})
    effects += receive(node, conn, "3", "3", "realtime:hall", "phx_join", JOIN)
    assert [effect.f for effect in effects if isinstance(effect, Truth)] == ["frame", "frame"]
    assert len(effects) == 2


def test_a_closed_connection_closes_once() -> None:
    node = Node(CONFIG)
    conn = joined(node)
    effects = node.hang_up([conn], 1012)
    assert effects[0] == Hangup(conn, 1012)
    assert node.closed(conn, 1012, "client") == []
    assert node.receive(conn, "[]", NOW_S) == []


def test_tokens_never_reach_the_truth_or_a_repr() -> None:
    node = Node(CONFIG)
    secret = token("authenticated", jti="t-1", sub="alice")
    effects = receive(
        node, opened(node), "1", "1", "realtime:room", "phx_join", {**JOIN, "access_token": secret}
    )
    assert secret not in repr(effects)
    assert told(effects, "join")[0]["token_id"] == "t-1"


@pytest.mark.parametrize("topic", [5, None, True, "", "room", "realtime", "phoenix"])
def test_a_join_of_what_is_no_channel_is_unmatched_at_once(topic: Any) -> None:
    node = Node(CONFIG)
    effects = receive(node, opened(node), "1", "2", topic, "phx_join", JOIN)
    unmatched = {"status": "error", "response": {"reason": "unmatched topic"}}
    assert sent(effects) == [[None, "2", topic, "phx_reply", unmatched]]


@pytest.mark.parametrize(
    "config",
    [
        {"broadcast": None, "presence": [], "postgres_changes": "x", "private": {}},
        {"broadcast": {"ack": {}, "self": []}, "presence": {"enabled": 2, "key": []}},
        {"postgres_changes": [{"filter": 3, "schema": None, "event": {}}]},
        {"postgres_changes": [{}]},
    ],
)
def test_wrong_types_in_a_config_are_tolerated(config: Any) -> None:
    joined(Node(CONFIG), config=config)


def test_a_join_without_join_ref_is_answered_without_and_its_pushes_carry_its_ref() -> None:
    """As stock Phoenix was recorded: `join_ref_cases.v2`."""
    node = Node(CONFIG)
    conn = opened(node)
    join = receive(node, conn, None, "1", "realtime:room", "phx_join", JOIN)
    assert sent(join)[0][:2] == [None, "1"]
    body = {"event": "x", "payload": {}}
    push = receive(node, conn, None, "2", "realtime:room", "broadcast", body)
    assert sent(push)[-1][:2] == ["1", "2"]
    receive(node, conn, "zz", "3", "realtime:room", "phx_leave", {})
    assert [frame[:2] for frame in sent(node.due(NOW_S))] == [["1", "3"], [None, None]]


def test_an_application_that_stopped_while_a_join_waited_never_answers_it() -> None:
    node = Node(CONFIG)
    late_joins(node, 10.0)
    conn = opened(node)
    receive(node, conn, "1", "1", "realtime:room", "phx_join", JOIN)
    node.stop_apps(node.connections)
    assert node.resume(conn, NOW_S + 10) == []
    assert node.membership() == []


@pytest.mark.parametrize(
    ("payload", "found"),
    [
        ({"payload": {"id": 7}}, 7),
        ({"payload": {"id": "a"}}, "a"),
        ({"payload": {"id": {"deep": 1}}}, None),
        ({"payload": [1]}, None),
        ("text", None),
    ],
)
def test_the_truth_names_a_broadcast_by_the_id_in_its_payload(payload: Any, found: Any) -> None:
    node = Node(CONFIG)
    effects = receive(node, opened(node), "1", "2", "realtime:room", "broadcast", payload)
    assert told(effects, "frame")[0]["id"] == found
