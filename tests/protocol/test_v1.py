"""V1 where the recordings are silent: what is written, in which order, and what is not."""

from __future__ import annotations

import pytest

from harness.protocol import V1, Kind, MalformedMessage, Message

_MESSAGE = Message("realtime:room", "broadcast", {"a": "é"}, ref="2", join_ref="1")


def test_a_client_writes_its_join_ref_last() -> None:
    assert V1.encode(_MESSAGE) == (
        '{"topic":"realtime:room","event":"broadcast","payload":{"a":"é"},"ref":"2","join_ref":"1"}'
    )


def test_a_client_without_a_join_ref_leaves_the_key_out() -> None:
    heartbeat = Message("phoenix", "heartbeat", {})
    assert V1.encode(heartbeat) == (
        '{"topic":"phoenix","event":"heartbeat","payload":{},"ref":null}'
    )


def test_a_server_writes_no_join_ref_and_its_own_order_of_keys() -> None:
    assert V1.encode(_MESSAGE, sender="server") == (
        '{"ref":"2","event":"broadcast","payload":{"a":"é"},"topic":"realtime:room"}'
    )


def test_a_join_ref_from_a_server_is_not_believed() -> None:
    frame = V1.encode(_MESSAGE)
    assert V1.decode(frame, sender="client").join_ref == "1"
    assert V1.decode(frame, sender="server").join_ref is None


def test_a_binary_frame_is_read_as_text() -> None:
    frame = V1.encode(_MESSAGE)
    assert V1.decode(frame.encode(), sender="client") == _MESSAGE


def test_binary_kinds_do_not_exist() -> None:
    with pytest.raises(MalformedMessage, match=r"no binary frames.*PUSH"):
        V1.encode(Message("realtime:room", "broadcast", b"", kind=Kind.PUSH))
