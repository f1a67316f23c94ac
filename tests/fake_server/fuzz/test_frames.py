"""A hundred thousand generated frames: the core never raises, and nothing of them stays."""

from __future__ import annotations

import os
from typing import Any

import pytest

from fake_server import ServerConfig
from fake_server.effects import Block, Effect, Later
from fake_server.handshake import Admission
from fake_server.node import Node
from fake_server.tokens import sign
from harness.protocol import V1, V2, Codec
from tests.fake_server.fuzz.frames import Generator

FRAMES = 100_000
SEED = int(os.environ.get("FUZZ_SEED", "1"))
"""Another one makes other frames: `FUZZ_SEED=7 pytest …`."""
NOW_S = 1_800_000_000.0
VERSIONS: tuple[Codec, ...] = (V1, V2)
_CONNECTIONS = 8
_LIFE_FRAMES = 500
"""How many frames a connection lives for."""


def server(**config: Any) -> tuple[Node, tuple[str, ...]]:
    """A node, and tokens for it: good, soon expired, and not for it at all."""
    settings = ServerConfig(channels_per_client_max=5, **config)
    claims: list[dict[str, Any]] = [
        {"role": "anon", "exp": NOW_S + 10**8},
        {"role": "authenticated", "exp": NOW_S + 400, "sub": "u"},
        {"role": "service_role", "exp": NOW_S - 1},
    ]
    tokens = [sign(each, settings.jwt_secret) for each in claims]
    return Node(settings), (*tokens, "junk", "a.b.c")


def settle(node: Node, effects: list[Effect], now_s: float) -> None:
    """Do what the shell does later: end each block."""
    for effect in effects:
        if isinstance(effect, Block):
            settle(node, node.resume(effect.conn, now_s), now_s)
        assert not isinstance(effect, Later), "only levers make frames late"


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("config", "share"),
    [({}, 0.3), ({"events_per_s_max": 10**9, "joins_per_s_max": 10**9, "users_max": 10**9}, 0.7)],
    ids=["with the limits of the free plan", "without limits"],
)
def test_generated_frames_leave_nothing_behind(config: dict[str, int], share: float) -> None:
    node, tokens = server(**config)
    generator = Generator(SEED, tokens)
    now_s, joined = NOW_S, 0
    for number in range(int(FRAMES * share)):
        now_s += 0.01
        if number % (_LIFE_FRAMES // _CONNECTIONS) == 0:
            node.opened(Admission(generator.choice(VERSIONS), tokens[0], None))
        live = node.connections
        if len(live) > _CONNECTIONS:
            node.closed(live[0], 1006, "network")
        frame = generator.frame()
        try:
            effects = node.receive(live[-1 - number % len(live)], frame, now_s)
            settle(node, effects + node.due(now_s), now_s)
        except Exception as error:
            error.add_note(f"frame {number} of FUZZ_SEED={SEED}: {frame[:300]!r}")
            raise
        joined += number % 1000 == 0 and len(node.membership())
    assert joined > 100, "the frames have to get somewhere"
    for conn in node.connections:
        node.closed(conn, 1006, "network")
    node.due(now_s + 10**9)
    assert (node.connections, node.membership(), node.next_due_s) == ([], [], None)
