"""Sends the records of one file to a server, in order, and compares what it answers."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from urllib.parse import quote

from tests.golden_toxiproxy.compare import Difference, compare
from tests.golden_toxiproxy.here import Here, free_ports
from tests.golden_toxiproxy.http import Answer, NoAnswer, ask
from tests.golden_toxiproxy.records import Record


class NotEmpty(Exception):
    """The server has proxies that cannot be deleted."""


class Replay:
    """A server that is asked what was recorded."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port

    def file(self, records: Iterable[Record]) -> Iterator[tuple[Record, list[Difference]]]:
        """Replay one file from an empty server. Raises `NoAnswer`, `NotEmpty`."""
        self._empty()
        here = Here(free_ports())
        for record in records:
            yield record, self._check(record, here)

    def _check(self, record: Record, here: Here) -> list[Difference]:
        try:
            answer = ask(
                self._host,
                self._port,
                record.method,
                here.request(record.path),
                here.request(record.body),
                record.headers,
            )
        except NoAnswer as error:
            return [Difference("answer", f"status {record.expected.status}", str(error))]
        keep(record, answer, here)
        return compare(record.expected, answer, here)

    def _empty(self) -> None:
        for name in json.loads(ask(self._host, self._port, "GET", "/proxies").body):
            path = f"/proxies/{quote(name, safe='')}"
            if ask(self._host, self._port, "DELETE", path).status != 204:
                raise NotEmpty(
                    f"the proxy {name!r} cannot be deleted, and each file is replayed from an "
                    "empty server: start it anew"
                )


def keep(record: Record, answer: Answer, here: Here) -> None:
    """Take the values that later records name from an answer, if they are there."""
    for variable, path in record.captures.items():
        try:
            here.keep(variable, str(json.loads(answer.body)[path]))
        except (KeyError, TypeError, ValueError):
            # Then the answer differs, and so will each that names the value.
            continue
