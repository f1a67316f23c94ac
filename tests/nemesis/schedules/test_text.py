"""A schedule as text comes back as it was, and a text that is none says where."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.nemesis import BadFault, Fault
from harness.nemesis.schedules import as_code, choice, drawn, dumps, loads

MENU = (choice("close", code=1001), choice("restart", for_s=(2, 20)), choice("mute_live"))


@given(st.integers(0, 1000))
def test_a_schedule_is_read_back_as_it_was(seed: int) -> None:
    faults = drawn(Random(seed), MENU, storm_s=100)
    assert loads(dumps(faults)) == faults


@given(st.integers(0, 1000))
def test_a_schedule_can_be_pasted_as_code(seed: int) -> None:
    faults = drawn(Random(seed), MENU, storm_s=100)
    assert eval(as_code(faults), {"Fault": Fault}) == faults


FAULT = '{"schema": "squall.schedule/1", "faults": [%s]}'


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "s.json: not JSON"),
        ("[" * 100_000, "s.json: not JSON"),
        ("[]", "s.json: schema is not"),
        ('{"schema": "squall.schedule/1", "faults": {}}', '"faults" is not a list'),
        (FAULT % "3", "fault 1: not an object"),
        (FAULT % '{"after_s": 1}', '"fault" names no fault'),
        (FAULT % '{"fault": "close"}', '"after_s" is missing'),
        (FAULT % '{"fault": "close", "after_s": "1"}', "\"after_s\" is '1', not a number"),
        (FAULT % '{"fault": "close", "after_s": 1, "for_s": true}', '"for_s" is True'),
        (FAULT % '{"fault": "close", "after_s": -1}', "after_s=-1 is no moment"),
        (FAULT % '{"fault": "close", "after_s": 1, "code": 3}', "unknown key 'code'"),
        (FAULT % '{"fault": "close", "after_s": 1, "parameters": {"name": 1}}', '"parameters"'),
        (FAULT % '{"fault": "close", "after_s": 1, "parameters": []}', '"parameters" must be'),
    ],
)
def test_a_text_that_is_no_schedule_says_where(text: str, complaint: str) -> None:
    with pytest.raises(BadFault) as refused:
        loads(text, "s.json")
    assert complaint in str(refused.value)
