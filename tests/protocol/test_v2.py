"""V2's text frames: five elements, in their order."""

from __future__ import annotations

import pytest

from harness.protocol import V2, MalformedMessage, Message, Sender

_MESSAGE = Message("realtime:room", "broadcast", {"a": "é"}, ref="2", join_ref="1")


@pytest.mark.parametrize("sender", ["client", "server"])
def test_both_ends_write_the_same_array(sender: Sender) -> None:
    frame = '["1","2","realtime:room","broadcast",{"a":"é"}]'
    assert V2.encode(_MESSAGE, sender=sender) == frame
    assert V2.decode(frame, sender=sender) == _MESSAGE


def test_elements_after_the_fifth_are_ignored() -> None:
    frame = '["1","2","realtime:room","broadcast",{"a":"é"},{"more":1},null]'
    assert V2.decode(frame, sender="client") == _MESSAGE


def test_four_elements_are_refused_with_their_number() -> None:
    with pytest.raises(MalformedMessage, match=r"has 5 elements.*this has 4"):
        V2.decode('["1","2","realtime:room","broadcast"]', sender="client")


@pytest.mark.parametrize("payload", [None, 1, "text", [1, 2], {}])
def test_any_json_value_is_a_payload(payload: object) -> None:
    """The server's decoder takes them all; what a channel does with one is the channel's affair."""
    message = Message("realtime:room", "broadcast", payload)
    assert V2.decode(V2.encode(message), sender="client") == message
