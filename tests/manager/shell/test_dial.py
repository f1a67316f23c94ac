"""Dialling: URLs, hints in HTTP headers, and the words for what went wrong."""

from __future__ import annotations

import pytest
from websockets.exceptions import ConnectionClosedError, ConnectionClosedOK
from websockets.frames import Close

from harness.manager.failures import Cause
from harness.manager.shell.dial import failure_of, failure_of_close, retry_after_s, socket_url


@pytest.mark.parametrize(
    ("url", "dialled"),
    [
        ("https://ref.supabase.co/realtime/v1", "wss://ref.supabase.co/realtime/v1/websocket"),
        ("http://127.0.0.1:54321/realtime/v1/", "ws://127.0.0.1:54321/realtime/v1/websocket"),
        ("ws://[::1]:4000/socket", "ws://[::1]:4000/socket/websocket"),
    ],
)
def test_the_url_that_people_copy_becomes_the_sockets(url: str, dialled: str) -> None:
    assert socket_url(url, "a/+&b") == f"{dialled}?apikey=a%2F%2B%26b&vsn=2.0.0"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "120"}, 120.0),
        ({"Retry-After": " 7 "}, 7.0),
        ({"Retry-After": "-5"}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "٣"}, None),
        ({"Retry-After": "Wed, 21 Oct 2026 07:28:30 GMT"}, None),
        (
            {
                "Retry-After": "Wed, 21 Oct 2026 07:28:30 GMT",
                "Date": "Wed, 21 Oct 2026 07:28:00 GMT",
            },
            30.0,
        ),
        (
            {
                "Retry-After": "Wed, 21 Oct 2026 07:27:00 GMT",
                "Date": "Wed, 21 Oct 2026 07:28:00 GMT",
            },
            0.0,
        ),
    ],
)
def test_retry_after_in_both_its_forms(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after_s(headers) == seconds


def test_who_closed_is_said() -> None:
    theirs = ConnectionClosedOK(Close(1012, "bye"), Close(1012, "bye"), True)
    ours = ConnectionClosedError(None, Close(1009, "too big"), None)
    broken = ConnectionClosedError(None, None)
    assert failure_of_close(theirs).cause is Cause.DRAIN
    assert failure_of_close(ours).reason == "closed by us with code 1009: too big"
    assert failure_of_close(broken).reason == "the connection broke without a close frame"


def test_a_failed_dial_is_told_in_words() -> None:
    assert failure_of(TimeoutError()).reason == "the attempt to connect timed out"
    assert "ConnectionRefusedError" in failure_of(ConnectionRefusedError("no")).reason
