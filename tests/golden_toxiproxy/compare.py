"""What an answer must have in common with the recorded one, and what may differ."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from tests.golden_toxiproxy.here import Here
from tests.golden_toxiproxy.http import Answer
from tests.golden_toxiproxy.records import Expected

COMPARED_HEADERS = ("content-type", "x-content-type-options", "location", "connection")
REQUEST_ID_CHARACTERS = 20
LOGGER = '"Logger":{},'
"""An accident of the real server, which ours leaves out (`toxiproxy.md` §0.1)."""


class Difference(NamedTuple):
    """One thing that is not as recorded."""

    what: str
    expected: str
    got: str


def compare(expected: Expected, answer: Answer, here: Here) -> list[Difference]:
    """Everything that differs. Dates, the value of a request id and the `Logger` key may."""
    pairs = _pairs(expected, answer, here)
    return [Difference(what, wanted, got) for what, wanted, got in pairs if wanted != got]


def _pairs(expected: Expected, answer: Answer, here: Here) -> Iterator[tuple[str, str, str]]:
    yield "status", str(expected.status), str(answer.status)
    yield "reason", expected.reason, answer.reason
    for name in COMPARED_HEADERS:
        wanted, got = expected.headers.get(name, ""), answer.headers.get(name, "")
        yield name, wanted.lower(), got.lower()
    wanted_id = REQUEST_ID_CHARACTERS if expected.has_request_id else 0
    yield "characters of a request id", str(wanted_id), str(len(answer.request_id))
    if "content-length" in expected.headers:
        length = str(len(answer.body.encode()))
        yield "content-length", length, answer.headers.get("content-length", "")
    got_body = answer.body.replace(LOGGER, "")
    yield "body", here.answer(expected.body.replace(LOGGER, ""), got_body), got_body
