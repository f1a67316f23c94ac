"""The comparison is sharp: whatever is changed in a recorded answer turns its record red."""

from __future__ import annotations

import re
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from typing import NamedTuple

import pytest

from harness.toxiproxy import EmbeddedToxiproxy
from tests.golden_toxiproxy.compare import COMPARED_HEADERS, LOGGER, compare
from tests.golden_toxiproxy.here import Here, free_ports
from tests.golden_toxiproxy.http import Answer, ask
from tests.golden_toxiproxy.records import RECORDED, Expected, Record, read_files
from tests.golden_toxiproxy.replay import keep

EVERY_NTH_CHARACTER = 5
_VARYING = re.compile(r'\$\{\w+\}|"Logger":\{\},|(?<=:)\d{5}(?=")')
"""Placeholders, the accident, and ports: which one the system chose cannot be known."""


class Asked(NamedTuple):
    """A record, what a server answered, and what was known by then."""

    record: Record
    answer: Answer
    here: Here

    def differs_from(self, expected: Expected) -> bool:
        return bool(compare(expected, self.answer, deepcopy(self.here)))


@pytest.fixture(scope="module")
def asked() -> list[Asked]:
    """All records, asked of the embedded server, each file of a new one."""
    found = []
    for records in read_files(RECORDED):
        here = Here(free_ports())
        with EmbeddedToxiproxy(seed=1) as server:
            for record in records:
                body = here.request(record.body)
                answer = ask(
                    server.host, server.port, record.method, record.path, body, record.headers
                )
                keep(record, answer, here)
                found.append(Asked(record, answer, deepcopy(here)))
                compare(record.expected, answer, here)
    return found


def test_as_recorded_nothing_differs(asked: list[Asked]) -> None:
    assert len(asked) == 242
    assert not [each.record.name for each in asked if each.differs_from(each.record.expected)]


def test_another_status_reason_or_request_id_differs(asked: list[Asked]) -> None:
    for each in asked:
        expected = each.record.expected
        assert each.differs_from(replace(expected, status=expected.status + 1))
        assert each.differs_from(replace(expected, reason=expected.reason + "?"))
        assert each.differs_from(replace(expected, has_request_id=not expected.has_request_id))


@pytest.mark.parametrize("name", COMPARED_HEADERS)
def test_another_a_missing_or_an_additional_header_differs(asked: list[Asked], name: str) -> None:
    for each in asked:
        expected = each.record.expected
        changed = {**expected.headers, name: expected.headers.get(name, "") + "x"}
        assert each.differs_from(replace(expected, headers=changed))
        if name in expected.headers:
            without = {key: value for key, value in expected.headers.items() if key != name}
            assert each.differs_from(replace(expected, headers=without))


def test_any_other_character_in_a_body_differs(asked: list[Asked]) -> None:
    changed = 0
    for number, each in enumerate(asked):
        for body in _changed_bodies(each.record.expected.body, number % EVERY_NTH_CHARACTER):
            changed += 1
            assert each.differs_from(replace(each.record.expected, body=body)), body
    assert changed > 2000


def _changed_bodies(body: str, first: int) -> Iterator[str]:
    """A character too many, and every nth replaced, outside of what varies."""
    yield body + "x"
    varying = {at for found in _VARYING.finditer(body) for at in range(*found.span())}
    for at in range(first, len(body), EVERY_NTH_CHARACTER):
        if at not in varying:
            yield f"{body[:at]}{'y' if body[at] != 'y' else 'n'}{body[at + 1 :]}"


def test_the_accidental_key_may_be_there_or_not() -> None:
    expected = Expected(200, "OK", {}, has_request_id=False, body=f"{{{LOGGER}}}")
    for body in (f"{{{LOGGER}}}", "{}"):
        assert not compare(expected, Answer(200, "OK", {}, body), Here(free_ports()))


def test_a_port_that_was_chosen_stays_the_same_and_is_nobody_elses() -> None:
    here = Here(free_ports())
    first, second = (f'{{"listen":"127.0.0.1:{port}"}}' for port in (40001, 40002))
    ours, other = (f'{{"listen":"127.0.0.1:{port}"}}' for port in (50001, 50002))
    assert here.answer(first, ours) == ours
    assert here.answer(first, other) == ours
    assert here.answer(second, ours) == second
    assert here.answer(second, other) == other
