"""What a join's payload means where the real server reads it as it came (`protocol.md §2.1`)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fake_server.core_stage import NOW_S, Core, reason, status, token

READY = "Replication connection established"
NOT_VALID = "UnableToReplayMessages: Replay params are not valid"


@pytest.mark.parametrize(
    ("value", "wants"),
    [(True, True), ("false", True), (0, True), ({}, True), (False, False), (None, False)],
)
def test_replication_ready_is_whatever_is_not_false(value: Any, wants: bool) -> None:
    frames = Core().client().join(enabled=False, broadcast={"replication_ready": value})
    told = [frame[4]["message"] for frame in frames if frame[3] == "system"]
    assert told == ([READY] if wants else [])


@pytest.mark.parametrize("broadcast", ["x", 1, True, False])
def test_a_broadcast_config_that_is_no_object_crashes_the_join(broadcast: Any) -> None:
    expected = "UnknownErrorOnChannel: no function clause matching in Access.get/3"
    assert reason(Core().client().join(broadcast=broadcast)) == expected


def test_one_that_is_a_list_crashes_it_in_other_words() -> None:
    assert reason(Core().client().join(broadcast=[])) == (
        "UnknownErrorOnChannel: the Access module supports only keyword lists (with atom keys), "
        'got: "replication_ready"\n\n'
        "If you want to search lists of tuples, use List.keyfind/3"
    )


@pytest.mark.parametrize(
    ("replay", "expected"),
    [
        ({"since": 0, "limit": 0}, "ok"),
        ({"since": 0, "limit": 1000}, "ok"),
        ({"since": 0, "limit": None}, "ok"),
        ({"since": -1}, "ok"),
        (None, "ok"),
        ("x", "ok"),
        ({}, NOT_VALID),
        ({"since": 1.5}, NOT_VALID),
        ({"since": True}, NOT_VALID),
        ({"since": 10**18}, NOT_VALID),
        ({"since": -(10**18)}, NOT_VALID),
        ({"since": 0, "limit": "5"}, NOT_VALID),
    ],
)
def test_replay_is_clamped_refused_or_nothing(replay: Any, expected: str) -> None:
    client = Core().client("authenticated")
    frames = client.join("priv-1", private=True, broadcast={"replay": replay})
    assert (status(frames) if expected == "ok" else reason(frames)) == expected


@pytest.mark.parametrize("limit", [-1, 0, 1, 25, 26, None])
def test_a_replay_brings_1_to_25_messages(limit: int | None) -> None:
    core = Core()
    for number in range(30):
        core.node.database.execute(
            f"select realtime.send('{{\"n\": {number}}}', 'ev', 'priv-1', true)", NOW_S
        )
    client = core.client("authenticated")
    replay = {"since": int(NOW_S - 60) * 1000, "limit": limit}
    frames = client.join("priv-1", private=True, enabled=False, broadcast={"replay": replay})
    got = [frame[4]["payload"]["n"] for frame in frames if frame[3] == "broadcast"]
    count = 25 if limit is None else max(1, min(limit, 25))
    assert got == list(range(30))[-count:]


@pytest.mark.parametrize(
    "tokens",
    [
        {"user_token": "sb_publishable_x"},
        {"access_token": None, "user_token": "sb_publishable_x"},
        {"access_token": "sb_publishable_x", "user_token": "junk"},
        {"access_token": 7},
    ],
)
def test_a_key_in_place_of_a_token_stands_for_that_of_the_connection(tokens: Any) -> None:
    frames = Core().client().push("phx_join", {"config": {}, **tokens})
    assert status(frames) == "ok"


def test_a_user_token_wins_but_not_over_a_key() -> None:
    expected = "MalformedJWT: The token provided is not a valid JWT"
    frames = Core().client().push("phx_join", {"user_token": "junk", "access_token": token()})
    assert reason(frames) == expected


def test_a_topic_without_a_name_is_told_before_anything_else() -> None:
    core = Core()
    core.node.terminate(NOW_S)
    expected = "TopicNameRequired: You must provide a topic name"
    assert reason(core.client().push("phx_join", {}, "")) == expected
    assert reason(core.client().push("phx_join", "x", "")) == expected


@pytest.mark.parametrize(
    ("payload", "counted"),
    [
        ({"access_token": 7}, 1),
        ({}, 1),
        ("x", 1),
        ({"access_token": None}, 0),
        ({"access_token": "sb_x"}, 0),
    ],
)
def test_a_token_that_is_no_text_is_a_message_that_means_nothing(
    payload: Any, counted: int
) -> None:
    core = Core()
    client = core.client()
    client.join()
    assert client.push("access_token", payload) == []
    assert core.node.limits.events.total(NOW_S + 5) == counted
