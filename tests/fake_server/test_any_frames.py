"""Whatever clients send, in whatever order: the core never raises and its books stay in order."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from fake_server import ServerConfig
from fake_server.effects import Block, Effect, Send, SendAll, Truth
from fake_server.handshake import Admission
from fake_server.node import Node
from fake_server.tokens import sign
from harness.protocol import V1, V2
from tests.fake_server.recorded_policies import policy, schema_of

OPEN = schema_of(policy("select", None, "a%"))
NOW_S = 1_800_000_000.0
CONFIG = ServerConfig(channels_per_client_max=2, schema=OPEN)
GOOD = sign({"role": "anon", "exp": NOW_S + 50, "jti": "t"}, CONFIG.jwt_secret)

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
flags = st.fixed_dictionaries({}, optional={"self": st.booleans() | anything, "ack": anything})
configs = st.fixed_dictionaries(
    {},
    optional={
        "broadcast": flags | anything,
        "presence": st.just({"enabled": True}) | anything,
        "postgres_changes": st.lists(anything, max_size=2) | anything,
        "private": st.booleans() | anything,
    },
)
tokens = st.sampled_from([GOOD, "junk", None, "sb_x"]) | anything
payloads = (
    st.fixed_dictionaries({}, optional={"config": configs | anything, "access_token": tokens})
    | st.fixed_dictionaries({"event": st.text(max_size=3), "payload": anything})
    | st.fixed_dictionaries(
        {"event": st.sampled_from(["track", "TRACK", "untrack"]) | anything},
        optional={"payload": anything},
    )
    | anything
)
topics = st.sampled_from(["realtime:a", "realtime:a:b", "realtime:", "phoenix", "x"]) | anything
events = (
    st.sampled_from(
        ["phx_join", "phx_join", "phx_leave", "broadcast", "access_token", "heartbeat", "presence"]
    )
    | anything
)
refs = st.sampled_from(["1", "2", None]) | anything
messages = st.tuples(refs, refs, topics, events, payloads)
acts = st.tuples(st.integers(1, 3), messages | st.binary(max_size=40) | st.text(max_size=20))


def frame(conn: int, what: Any) -> str | bytes:
    """The frame in the version of the connection: the first speaks V1, the others V2."""
    if not isinstance(what, tuple):
        return what  # type: ignore[no-any-return]
    join_ref, ref, topic, event, payload = what
    fields = {"topic": topic, "event": event, "payload": payload, "ref": ref, "join_ref": join_ref}
    return json.dumps(fields if conn == 1 else list(what))


def perform(node: Node, effects: list[Effect], now_s: float) -> list[Effect]:
    """End every block at once, as no time has to pass here."""
    done = list(effects)
    for effect in effects:
        if isinstance(effect, Block):
            done += node.resume(effect.conn, now_s)
    return done


@given(st.lists(acts, max_size=30))
@settings(max_examples=200, deadline=None)
def test_whatever_is_sent_the_truth_and_the_membership_agree(sequence: list[Any]) -> None:
    node = Node(CONFIG)
    for codec in (V1, V2, V2):
        node.opened(Admission(codec, GOOD, None))
    effects: list[Effect] = []
    for second, (conn, what) in enumerate(sequence):
        now_s = NOW_S + 2 * second
        effects += perform(node, node.due(now_s), now_s)
        effects += perform(node, node.receive(conn, frame(conn, what), now_s), now_s)
    assert believed(effects) == sorted(
        (member["conn"], member["topic"]) for member in node.membership()
    )
    assert all(effect.conn in (1, 2, 3) for effect in effects if isinstance(effect, Send))
    assert all(set(effect.conns) <= {1, 2, 3} for effect in effects if isinstance(effect, SendAll))
    for conn in node.connections:
        effects += node.closed(conn, 1006, "network")
    assert believed(effects) == []


def believed(effects: list[Effect]) -> list[tuple[int, str]]:
    """Who is joined, by what the truth told alone."""
    joined: dict[tuple[int, str], None] = {}
    for effect in effects:
        if isinstance(effect, Truth) and effect.f in ("join", "leave"):
            key = (effect.value["conn"], effect.value["topic"])
            assert (key in joined) is (effect.f == "leave"), effect
            if effect.f == "join":
                joined[key] = None
            else:
                del joined[key]
    return sorted(joined)
