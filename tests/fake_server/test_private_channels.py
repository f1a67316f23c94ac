"""Joining with permissions: the order of the checks, new tokens, and silence for who may not."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fake_server.core_stage import NOW_S, Core, ending, reason, status, token
from tests.fake_server.recorded_policies import RECORDED_POLICIES, policy, schema_of

UNREADABLE = "You do not have permissions to read from this Channel topic: "
PRIVATE_ONLY = "PrivateOnly: This project only allows private channels"


@pytest.mark.parametrize("topic", ["other", "privat", ""])
def test_a_private_topic_without_policy_is_refused(topic: str) -> None:
    frames = Core().client().join(f"x{topic}", private=True, access_token=token())
    assert reason(frames) == f"Unauthorized: {UNREADABLE}x{topic}"


def test_without_policies_only_the_service_role_may_join() -> None:
    core = Core(schema=schema_of())
    frames = core.client().join("priv-1", private=True, access_token=token())
    assert reason(frames) == f"Unauthorized: {UNREADABLE}priv-1"
    service = core.client().join("priv-1", private=True, access_token=token("service_role"))
    assert status(service) == "ok"


def test_one_of_the_two_reads_is_enough_to_join() -> None:
    """Presence counts only where it was asked for: else nobody looks at its policy."""
    presence = policy("select", "authenticated", extension="presence")
    core = Core(schema=schema_of(presence))
    with_it = core.client().join("room", private=True, access_token=token())
    assert status(with_it) == "ok"
    without = core.client().join("room", private=True, enabled=False, access_token=token())
    assert reason(without) == f"Unauthorized: {UNREADABLE}room"


def test_who_may_read_only_presence_hears_no_broadcast() -> None:
    presence = policy("select", "anon", extension="presence")
    core = Core(schema=schema_of(presence))
    deaf, service = core.client(), core.client()
    deaf.join("room", private=True)
    service.join("room", private=True, access_token=token("service_role"))
    service.push("broadcast", {"event": "x"})
    assert deaf.conn not in service.heard


def test_a_broadcast_without_permission_is_silence_even_with_ack() -> None:
    core = Core()
    alice, bob = core.client(), core.client()
    loud: dict[str, Any] = {"private": True, "broadcast": {"ack": True, "self": True}}
    for client in (alice, bob):
        client.join("ro-1", access_token=token(), **loud)
    assert alice.push("broadcast", {"event": "x"}, "ro-1") == []
    assert alice.heard == {}
    assert alice.push("broadcast", {"event": "x", "payload": "x" * 4_000_000}, "ro-1") == []


BAD = "junk"
TOO_MANY = "ChannelRateLimitReached: Too many channels"


@pytest.mark.parametrize(
    ("setting", "how", "first"),
    [
        ({"private_only": True}, {"access_token": BAD}, PRIVATE_ONLY),
        ({"channels_per_client_max": 1}, {"access_token": BAD}, TOO_MANY),
        (
            {},
            {"private": True, "access_token": BAD},
            "MalformedJWT: The token provided is not a valid JWT",
        ),
        (
            {},
            {"private": True, "broadcast": {"replay": None}, "postgres_changes": [1]},
            f"Unauthorized: {UNREADABLE}room",
        ),
        (
            {},
            {"broadcast": {"replay": None}, "postgres_changes": [1]},
            "UnableToReplayMessages: Replay is not allowed for public channels",
        ),
    ],
)
def test_checks_come_in_the_order_of_the_real_server(
    setting: dict[str, Any], how: dict[str, Any], first: str
) -> None:
    core = Core(**setting)
    alice = core.client()
    if "channels_per_client_max" in setting:
        alice.join("other")
    assert reason(alice.join(**how)) == first


def test_a_tenant_of_private_channels_takes_private_ones() -> None:
    core = Core(private_only=True)
    assert status(core.client().join("priv-1", private=True, access_token=token())) == "ok"
    configs: list[Any] = [[], "x", None]
    for config in configs:
        assert reason(core.client().push("phx_join", {"config": config})) == PRIVATE_ONLY


def test_replay_needs_the_right_to_read_broadcasts() -> None:
    presence = policy("select", "anon", extension="presence")
    core = Core(schema=schema_of(presence))
    frames = core.client().join("room", private=True, broadcast={"replay": {"since": 0}})
    assert reason(frames) == f"Unauthorized: {UNREADABLE}room"


def fresh(role: str = "authenticated") -> dict[str, str]:
    """A new token in the payload of an `access_token` event."""
    return {"access_token": token(role, jti="fresh")}


def test_a_new_token_that_reads_less_ends_the_channel() -> None:
    broadcast = policy("select", None, extension="broadcast")
    core = Core(schema=schema_of(broadcast, *RECORDED_POLICIES))
    alice = core.client()
    alice.join("priv-1", private=True, access_token=token())
    assert ending(alice.push("access_token", fresh("anon"), "priv-1")) == (
        "You no longer have permission to read from this Channel topic: priv-1"
    )


def test_a_new_token_that_reads_nothing_ends_the_channel() -> None:
    alice = Core().client()
    alice.join("priv-1", private=True, access_token=token())
    assert ending(alice.push("access_token", fresh("anon"), "priv-1")) == f"{UNREADABLE}priv-1"


def test_a_new_token_that_reads_more_is_heard_at_once() -> None:
    presence = policy("select", "anon", extension="presence")
    core = Core(schema=schema_of(presence, *RECORDED_POLICIES))
    alice, bob = core.client(), core.client()
    alice.join("priv-1", private=True)
    bob.join("priv-1", private=True, access_token=token())
    bob.push("broadcast", {"event": "x"}, "priv-1")
    assert alice.conn not in bob.heard
    assert alice.push("access_token", fresh(), "priv-1") == []
    bob.push("broadcast", {"event": "x"}, "priv-1")
    assert alice.conn in bob.heard


def test_a_new_token_has_its_right_to_write_looked_at_anew() -> None:
    write = policy("insert", "editor", "ro-%")
    read = policy("select", "editor", "ro-%")
    core = Core(schema=schema_of(write, read, *RECORDED_POLICIES))
    alice = core.client()
    alice.join("ro-1", private=True, access_token=token(), broadcast={"ack": True})
    assert alice.push("broadcast", {"event": "x"}, "ro-1") == []
    alice.push("access_token", fresh("editor"), "ro-1")
    assert status(alice.push("broadcast", {"event": "x"}, "ro-1")) == "ok"


def test_a_new_token_after_a_track_has_the_diffs_come_the_short_way() -> None:
    """Presence is asked for by then, so its policy is looked at with the others."""
    core = Core()
    alice = core.client()
    alice.join("priv-1", private=True, enabled=False, access_token=token())
    alice.track({"n": 1}, "priv-1")
    alice.push("access_token", fresh(), "priv-1")
    assert alice.track({"n": 2}, "priv-1")[1][0] is None


def test_permissions_of_a_public_channel_are_never_looked_at() -> None:
    alice = Core(schema=schema_of()).client()
    alice.join()
    assert alice.push("access_token", fresh("nobody")) == []
    assert status(alice.track({"n": 1})) == "ok"


@pytest.mark.parametrize(
    "payload", [{"access_token": "sb_x"}, {"access_token": None}, {"access_token": 7}, {}, [], None]
)
def test_what_is_no_new_token_is_ignored(payload: Any) -> None:
    alice = Core().client()
    alice.join()
    assert alice.push("access_token", payload) == []


def test_the_same_token_again_is_not_looked_at_even_if_it_has_expired() -> None:
    core = Core()
    alice = core.client()
    same = token(lifetime_s=20)
    alice.join(access_token=same)
    core.now_s += 30
    assert alice.push("access_token", {"access_token": same}) == []


@pytest.mark.parametrize("bad", ["", "junk", "a.b.c"])
def test_a_malformed_token_ends_the_channel_and_not_the_socket(bad: str) -> None:
    core = Core()
    alice = core.client()
    alice.join()
    alice.join("other")
    ended = alice.push("access_token", {"access_token": bad})
    assert ending(ended) == "The token provided is not a valid JWT"
    assert [member["topic"] for member in core.node.membership()] == ["other"]


def test_the_timer_looks_at_the_token_and_not_at_the_policies() -> None:
    """Who lost a permission meanwhile keeps the channel until the next token."""
    core = Core()
    alice = core.client()
    alice.join("priv-1", private=True, access_token=token())
    channel_ends = core.sent(core.node.due(NOW_S + 300))
    assert channel_ends == {}
    assert core.node.next_due_s == NOW_S + 600
