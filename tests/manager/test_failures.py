"""Which failures call for which kind of waiting."""

from __future__ import annotations

import pytest

from harness.manager.failures import Cause, of_close, of_status


@pytest.mark.parametrize(
    ("code", "cause"),
    [
        (None, Cause.DROP),
        (1000, Cause.DROP),
        (1001, Cause.DRAIN),
        (1006, Cause.DROP),
        (1011, Cause.DROP),
        (1012, Cause.DRAIN),
        (4401, Cause.DROP),
    ],
)
def test_close_codes(code: int | None, cause: Cause) -> None:
    assert of_close(code).cause is cause


@pytest.mark.parametrize(
    ("status", "cause"),
    [
        (401, Cause.UNAUTHORIZED),
        (403, Cause.UNAUTHORIZED),
        (404, Cause.DROP),
        (429, Cause.DRAIN),
        (500, Cause.DROP),
        (503, Cause.DROP),
    ],
)
def test_http_statuses(status: int, cause: Cause) -> None:
    assert of_status(status).cause is cause


def test_the_reason_is_in_words() -> None:
    assert of_close(1012, "bye").reason == "closed by the server with code 1012: bye"
    assert of_close(None).reason == "the connection broke without a close frame"
    assert of_status(429, "Too many").reason == "the server answered HTTP 429: Too many"
