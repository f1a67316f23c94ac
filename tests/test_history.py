"""The history file: what is written reads back, and what is damaged says where."""

import pytest

from harness.history import Header, MalformedHistory, Op, header_line, op_line, read_history

HEADER = Header(scenario="outage", client="manager", world="sim", seed=3)
OPS = (
    Op(process="client-0", type="invoke", f="subscribe", value={"topic": "ü"}, time_s=1.5, id=1),
    Op(process="client-0", type="fail", f="subscribe", value={"topic": "ü"}, id=1, error="no"),
    Op(process="nemesis", type="info", f="start", value={"fault": "outage"}, time_s=2.0),
)
LINES = [header_line(HEADER), *map(op_line, OPS)]


def test_a_history_reads_back_as_it_was_written() -> None:
    history = read_history(LINES)
    assert history.header == HEADER
    assert history.ops == OPS


def test_the_half_line_of_a_killed_run_is_left_out() -> None:
    """A run that is killed while it writes keeps every whole line."""
    assert read_history([*LINES, '{"time_s":3,"pro']).ops == OPS


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        ([], "line 1: the file is empty"),
        (["nonsense\n"], "line 1: not JSON"),
        (["[]\n"], "line 1: a list, not an object"),
        (['{"schema":"squall.history/9"}\n'], "line 1: schema is not"),
        ([LINES[0], "{\n"], "line 2: not JSON"),
        ([LINES[0], LINES[1], '{"type":"maybe"}\n'], "line 3: type 'maybe' is none of"),
        ([LINES[0], '{"type":"ok","f":"x","colour":1}\n'], "line 2: .*colour"),
    ],
)
def test_a_damaged_history_names_the_line(lines: list[str], complaint: str) -> None:
    with pytest.raises(MalformedHistory, match=complaint):
        read_history(lines)


def test_where_narrows_by_kind_process_and_type() -> None:
    history = read_history(LINES)
    assert len(history.where("subscribe")) == 2
    assert history.where("subscribe", type="fail") == [OPS[1]]
    assert history.where("start", process="client-0") == []
