"""What a lever's parameters can be: every refusal names the value, the rule and what is known."""

from __future__ import annotations

from typing import Any

import pytest

from fake_server import FakeServer
from fake_server.levers.parameters import BadLever
from fake_server.levers.registry import LEVERS

REFUSALS: list[tuple[Any, dict[str, Any], str]] = [
    ("lat", {}, r"unknown lever 'lat'; known: late, drop, duplicate, .*stale_error"),
    (7, {}, r"unknown lever '7'; known: late"),
    ("late", {}, r"lever 'late' needs delay_s: a number of seconds, 0 or more"),
    ("late", {"delay_s": -1}, r"lever 'late': delay_s=-1 is not a number of seconds, 0 or more"),
    ("late", {"delay_s": float("nan")}, r"delay_s=nan is not"),
    ("late", {"delay_s": True}, r"delay_s=True is not"),
    ("late", {"delay_s": "3"}, r"delay_s='3' is not"),
    ("drop", {"delay_s": 1}, r"lever 'drop' has no parameter 'delay_s'; it has: sender, conn"),
    ("drop", {"nth": 0}, r"nth=0 is not a whole number, 1 to"),
    ("drop", {"share": 0}, r"share=0 is not a number above 0, at most 1"),
    ("drop", {"sender": "me"}, r"sender='me' is not one of server, client"),
    ("drop", {"topic": ""}, r"topic='' is not a text of 1 to"),
    ("drop", {"topic": "x" * 20_000}, r"topic='x+… is not a text"),
    ("drop", {"for_s": 0}, r"for_s=0 is not a number of seconds above 0"),
    ("corrupt", {"how": "badly"}, r"one of any, bad_json, wrong_types, missing_keys"),
    ("close", {"code": 1006}, r"code=1006 is not a code that a close frame can carry"),
    ("close", {"for_s": 1}, r"lever 'close' has no parameter 'for_s'"),
    ("http", {"status": 101}, r"status=101 is not a whole number, 300 to 599"),
    ("oversize", {"more_bytes": 10**9}, r"more_bytes=1000000000 is not"),
    ("unknown_event", {"payload": [1]}, r"payload=\[1\] is not an object"),
    ("unknown_event", {"payload": {"a": {1}}}, r"is not an object"),
    ("tenant_reload", {"now": 1}, r"has no parameter 'now'; it has: none"),
    ("limits", {"max_joins": 1}, r"has no parameter 'max_joins'; it has: .*max_joins_per_second"),
]


@pytest.mark.parametrize(("name", "given", "words"), REFUSALS)
def test_what_cannot_be_pulled_is_refused_in_words(
    name: Any, given: dict[str, Any], words: str
) -> None:
    server = FakeServer()
    with pytest.raises(BadLever, match=words):
        server.pull(name, **given)
    assert server.pulled == []


def test_a_parameter_of_none_is_left_out() -> None:
    lever = FakeServer().pull("drop", nth=None, share=None)
    assert lever.parameters["share"] == 1.0
    assert "nth" not in lever.describe()["parameters"]


@pytest.mark.parametrize("name", LEVERS)
def test_every_default_obeys_its_own_rule(name: str) -> None:
    for parameter in LEVERS[name].parameters:
        if isinstance(parameter.default, int | float | str | dict):
            assert parameter.kind.holds(parameter.default), parameter.name


def test_a_lever_without_a_seed_tells_the_one_that_it_drew() -> None:
    first, second = (FakeServer().pull("drop", seed=seed) for seed in (None, 7))
    assert isinstance(first.parameters["seed"], int)
    assert second.parameters["seed"] == 7
