"""The binary kinds, byte for byte as the protocol's worked examples have them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.protocol import (
    V2,
    Kind,
    MalformedMessage,
    Message,
    Reply,
    Sender,
    UserBroadcast,
)

_TOPIC = "realtime:room"
_TOPIC_HEX = _TOPIC.encode().hex()

EXAMPLES: list[tuple[Sender, Message, str]] = [
    (
        "client",
        Message(
            _TOPIC,
            "broadcast",
            UserBroadcast("hi", b'{"a":1}'),
            ref="2",
            join_ref="1",
            kind=Kind.USER_BROADCAST_PUSH,
        ),
        f"03 01 01 0d 02 00 01 31 32 {_TOPIC_HEX} 6869 7b2261223a317d",
    ),
    (
        "client",
        Message(_TOPIC, "broadcast", b"\1\2", ref="2", join_ref="1", kind=Kind.PUSH),
        f"00 01 01 0d 09 31 32 {_TOPIC_HEX} 62726f616463617374 0102",
    ),
    (
        "server",
        Message(_TOPIC, "broadcast", UserBroadcast("hi", b'{"a":1}'), kind=Kind.USER_BROADCAST),
        f"04 0d 02 00 01 {_TOPIC_HEX} 6869 7b2261223a317d",
    ),
    (
        "server",
        Message(
            _TOPIC,
            "broadcast",
            UserBroadcast("hi", b"\1\2", "binary", {"id": "7f"}),
            kind=Kind.USER_BROADCAST,
        ),
        f"04 0d 02 0b 00 {_TOPIC_HEX} 6869 7b226964223a223766227d 0102",
    ),
    (
        "server",
        Message(_TOPIC, "pushed", b"\1", join_ref="1", kind=Kind.PUSH),
        f"00 01 0d 06 31 {_TOPIC_HEX} 707573686564 01",
    ),
    (
        "server",
        Message(_TOPIC, "phx_reply", Reply("ok", b"\1"), "2", "1", Kind.REPLY),
        f"01 01 01 0d 02 31 32 {_TOPIC_HEX} 6f6b 01",
    ),
    (
        "server",
        Message(_TOPIC, "broadcast", b"\1\2", kind=Kind.BROADCAST),
        f"02 0d 09 {_TOPIC_HEX} 62726f616463617374 0102",
    ),
]


@pytest.mark.parametrize(("sender", "message", "frame"), EXAMPLES)
def test_a_worked_example_reads_and_writes(sender: Sender, message: Message, frame: str) -> None:
    assert V2.encode(message, sender=sender) == bytes.fromhex(frame)
    assert V2.decode(bytes.fromhex(frame), sender=sender) == message


@pytest.mark.parametrize(("sender", "message", "frame"), EXAMPLES)
def test_a_frame_cut_before_its_payload_is_refused(
    sender: Sender, message: Message, frame: str
) -> None:
    """A payload has no length of its own, so only there may a frame end anywhere."""
    payload = message.payload
    data = {UserBroadcast: "payload", Reply: "data"}.get(type(payload))
    payload_bytes = len(getattr(payload, data) if data else payload)
    whole = bytes.fromhex(frame)
    for length in range(len(whole) - payload_bytes):
        with pytest.raises(MalformedMessage, match=r"ends within its|has no kind"):
            V2.decode(whole[:length], sender=sender)
    assert V2.decode(whole[: len(whole) - payload_bytes], sender=sender).topic == _TOPIC


_NAME = st.text(st.characters(codec="utf-8"), max_size=60)
_BROADCASTS = st.builds(
    UserBroadcast,
    _NAME,
    st.binary(max_size=300),
    st.sampled_from(["json", "binary"]),
    st.none() | st.dictionaries(_NAME.map(lambda name: name[:4]), st.booleans(), max_size=3),
)


@given(topic=_NAME, broadcast=_BROADCASTS, ref=_NAME, join_ref=_NAME)
@settings(deadline=None)
def test_a_user_broadcast_comes_back_as_it_was_sent(
    topic: str, broadcast: UserBroadcast, ref: str, join_ref: str
) -> None:
    push = Message(topic, "broadcast", broadcast, ref, join_ref, Kind.USER_BROADCAST_PUSH)
    relayed = Message(topic, "broadcast", broadcast, kind=Kind.USER_BROADCAST)
    assert V2.decode(V2.encode(push), sender="client") == push
    assert V2.decode(V2.encode(relayed, sender="server"), sender="server") == relayed


def test_a_field_of_255_bytes_fits_and_256_do_not() -> None:
    """Bytes count, not characters: a client must find out before it sends."""
    fits = Message("é" * 127 + "e", "broadcast", b"", kind=Kind.PUSH)
    assert V2.decode(V2.encode(fits), sender="client").topic == fits.topic
    too_long = Message("é" * 128, "broadcast", b"", kind=Kind.PUSH)
    with pytest.raises(MalformedMessage, match=r"the topic has 256 bytes; .* 255 at most"):
        V2.encode(too_long)


def test_any_encoding_but_zero_means_json() -> None:
    frame = bytes.fromhex(f"04 0d 02 00 07 {_TOPIC_HEX} 6869 7b7d")
    assert V2.decode(frame, sender="server").payload.encoding == "json"


def test_a_payload_that_calls_itself_json_is_not_parsed() -> None:
    """The server passes it on unread; whoever receives it has to be on guard."""
    broadcast = UserBroadcast("hi", b"{bad json")
    message = Message(_TOPIC, "broadcast", broadcast, kind=Kind.USER_BROADCAST)
    frame = V2.encode(message, sender="server")
    assert V2.decode(frame, sender="server").payload.payload == b"{bad json"


@pytest.mark.parametrize("metadata", ["{", "[]", '"text"', "null"])
def test_metadata_that_is_no_json_object_is_refused(metadata: str) -> None:
    frame = bytes([4, 1, 1, len(metadata), 1]) + b"te" + metadata.encode()
    with pytest.raises(MalformedMessage, match="the metadata"):
        V2.decode(frame, sender="server")


@pytest.mark.parametrize(("sender", "kind"), [("client", 1), ("client", 4), ("server", 3)])
def test_each_direction_has_kinds_of_its_own(sender: Sender, kind: int) -> None:
    """A client that took a push for a broadcast would believe its own echo."""
    with pytest.raises(MalformedMessage, match=f"a {sender} sends no binary frames of kind {kind}"):
        V2.decode(bytes([kind]) + bytes(20), sender=sender)
    message = Message(_TOPIC, "broadcast", b"", kind=Kind(kind))
    with pytest.raises(MalformedMessage, match=f"a {sender} sends no frames of kind"):
        V2.encode(message, sender=sender)


def test_a_field_that_is_not_utf8_is_refused() -> None:
    with pytest.raises(MalformedMessage, match="the topic is not UTF-8 at byte 1"):
        V2.decode(b"\x02\x02\x00t\xff", sender="server")


@pytest.mark.parametrize(
    ("topic", "payload", "reason"),
    [
        (_TOPIC, {"a": 1}, "kind PUSH cannot carry a payload of type dict"),
        (5.0, b"", "the topic of a binary frame is text, not float"),
        (True, b"", "the topic of a binary frame is text, not bool"),
        ("\ud800", b"", "the topic cannot be written as UTF-8"),
        pytest.param(10**5000, b"", "the topic cannot be written as UTF-8", id="a huge number"),
    ],
)
def test_a_message_that_no_binary_frame_can_carry_is_refused(
    topic: Any, payload: Any, reason: str
) -> None:
    with pytest.raises(MalformedMessage, match=reason):
        V2.encode(Message(topic, "broadcast", payload, kind=Kind.PUSH))


def test_a_missing_ref_is_an_empty_field_and_a_number_its_digits() -> None:
    """As Elixir's to_string has it."""
    reply = Message(_TOPIC, "phx_reply", Reply("ok", b""), 12, None, Kind.REPLY)
    decoded = V2.decode(V2.encode(reply, sender="server"), sender="server")
    assert (decoded.ref, decoded.join_ref) == ("12", "")


@pytest.mark.parametrize(
    ("sender", "kind", "header_bytes"),
    [
        ("client", 0, 5),
        ("client", 3, 7),
        ("server", 0, 4),
        ("server", 1, 5),
        ("server", 2, 3),
        ("server", 4, 5),
    ],
)
def test_a_header_is_complete_or_refused(sender: Sender, kind: int, header_bytes: int) -> None:
    """With empty fields, nothing after the header could give its lack away."""
    whole = bytes([kind]) + bytes(header_bytes - 1)
    assert V2.decode(whole, sender=sender).topic == ""
    with pytest.raises(MalformedMessage, match=f"kind {kind} ends within its header"):
        V2.decode(whole[:-1], sender=sender)
