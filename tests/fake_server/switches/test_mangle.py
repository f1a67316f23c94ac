"""Broken frames: each kind of breakage is what its name says, for every seed."""

from __future__ import annotations

import json
import random

import pytest

from fake_server.switches import mangle
from harness.protocol import V1, V2, Codec, Kind, MalformedMessage, Message, UserBroadcast

TEXT = Message("realtime:room", "broadcast", {"event": "shot", "payload": {"id": 1}})
BINARY = Message(
    "realtime:room",
    "broadcast",
    UserBroadcast("shot", b'{"id":1}'),
    kind=Kind.USER_BROADCAST,
)
FRAMES: list[tuple[Codec, str | bytes]] = [
    (V1, V1.encode(TEXT, sender="server")),
    (V2, V2.encode(TEXT, sender="server")),
    (V2, V2.encode(BINARY, sender="server")),
]
SEEDS = range(50)


@pytest.mark.parametrize(("codec", "frame"), FRAMES)
@pytest.mark.parametrize("name", mangle.CORRUPTIONS)
def test_every_corruption_changes_the_frame(name: str, codec: Codec, frame: str | bytes) -> None:
    for seed in SEEDS:
        broken = mangle.CORRUPTIONS[name](frame, random.Random(seed))
        assert broken != frame
        assert type(broken) is type(frame)


@pytest.mark.parametrize(("codec", "frame"), FRAMES[:2])
def test_bad_json_is_never_json(codec: Codec, frame: str | bytes) -> None:
    for seed in SEEDS:
        with pytest.raises(ValueError, match=r"."):
            json.loads(mangle.bad_json(frame, random.Random(seed)))


@pytest.mark.parametrize(("codec", "frame"), FRAMES[:2])
def test_wrong_types_and_missing_keys_stay_json(codec: Codec, frame: str | bytes) -> None:
    for seed in SEEDS:
        wrong = json.loads(mangle.wrong_types(frame, random.Random(seed)))
        assert len(wrong) == len(json.loads(frame))
        json.loads(mangle.missing_keys(frame, random.Random(seed)))


def test_missing_keys_take_the_payload_apart_as_well_as_the_message() -> None:
    _, frame = FRAMES[0]
    whole = json.loads(frame)
    taken = set()
    for seed in SEEDS:
        left = json.loads(mangle.missing_keys(frame, random.Random(seed)))
        taken |= whole.keys() - left.keys()
        taken |= {
            f"payload.{key}" for key in whole["payload"] if key not in left.get("payload", {})
        }
    assert taken == {"topic", "event", "payload", "payload.event", "payload.payload"}


def test_a_binary_frame_of_a_wrong_type_is_of_no_known_kind() -> None:
    codec, frame = FRAMES[2]
    with pytest.raises(MalformedMessage, match="kind 99"):
        codec.decode(mangle.wrong_types(frame, random.Random(1)), sender="server")


@pytest.mark.parametrize(("codec", "frame"), FRAMES)
def test_an_oversize_frame_is_still_a_message_of_its_event(
    codec: Codec, frame: str | bytes
) -> None:
    grown = mangle.oversize(frame, 1_100_000)
    assert len(grown) >= len(frame) + 1_100_000
    assert codec.decode(grown, sender="server").event == "broadcast"


@pytest.mark.parametrize("name", mangle.CORRUPTIONS)
def test_what_is_no_message_can_be_broken_too(name: str) -> None:
    """The real server sends such frames to V1 clients; a lever must not crash on them."""
    for frame in ("%{error: 1}", "", "[1]", "{}", b"", b"\x04", "[" * 100_000):
        mangle.CORRUPTIONS[name](frame, random.Random(1))
        mangle.oversize(frame, 10)
