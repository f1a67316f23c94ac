"""What a message is, and what it never shows."""

from __future__ import annotations

import pytest

from harness.protocol import V2, Kind, MalformedMessage, Message, Reply, Sender, UserBroadcast


@pytest.mark.parametrize("payload", [{"access_token": "secret"}, b"secret"])
def test_the_repr_of_a_message_does_not_show_its_payload(payload: object) -> None:
    """Messages end up in logs and in assertion errors; access tokens must not."""
    shown = repr(Message("realtime:room", "phx_join", payload, ref="1"))
    assert "realtime:room" in shown
    assert "secret" not in shown


@pytest.mark.parametrize("payload", [Reply("ok", b"secret"), UserBroadcast("ok", b"secret")])
def test_the_repr_of_a_binary_payload_does_not_show_its_bytes(payload: object) -> None:
    assert "ok" in repr(payload)
    assert "secret" not in repr(payload)


def test_the_values_of_the_binary_kinds_are_their_first_bytes() -> None:
    values = [kind.value for kind in Kind if kind is not Kind.TEXT]
    assert values == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("sender", ["client", "server"])
def test_a_number_is_read_as_topic_or_event(sender: Sender) -> None:
    """The real server read it, too, and sent the number back."""
    message = V2.decode('["1","2",5,6,{}]', sender=sender)
    assert (message.topic, message.event) == (5, 6)


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        ('["1","2",[],"e",{}]', "the topic is an array"),
        ('["1","2",{},"e",{}]', "the topic is an object"),
        ('["1","2","t",[],{}]', "the event is an array"),
    ],
)
@pytest.mark.parametrize("sender", ["client", "server"])
def test_what_cannot_be_a_key_is_refused_as_topic_or_event(
    frame: str, reason: str, sender: Sender
) -> None:
    """Every reader looks its channels up by topic; an unhashable one would crash it."""
    with pytest.raises(MalformedMessage, match=reason):
        V2.decode(frame, sender=sender)


def test_a_server_reads_any_ref_and_a_client_only_scalars() -> None:
    """The server echoes a ref; a client looks its pushes up by it."""
    frame = '[{},["2"],"t","e",{}]'
    message = V2.decode(frame, sender="client")
    assert (message.join_ref, message.ref) == ({}, ["2"])
    with pytest.raises(MalformedMessage, match="the ref is an array"):
        V2.decode(frame, sender="server")
