"""Scripts are read whole, and what cannot be played is named: file, case, step and rule."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.stories.script import BadScript, read_scripts

CONNECT = {"at_s": 0, "on": "client", "do": "connect"}
CLOSE = {"at_s": 9, "on": "client", "do": "close"}


def written(tmp_path: Path, *steps: dict[str, Any], **more: Any) -> Path:
    path = tmp_path / "scripts.json"
    script = {"client": "py", "case": "c", "steps": [CONNECT, *steps, CLOSE], **more}
    path.write_text(json.dumps({"py.c": script}))
    return path


def test_steps_come_in_the_order_of_their_times(tmp_path: Path) -> None:
    late = {"at_s": 3.5, "on": "proxy", "do": "enable"}
    early = {"at_s": 2, "on": "proxy", "do": "disable"}
    script = read_scripts(written(tmp_path, late, early))["py.c"]
    assert [step.do for step in script.steps] == ["connect", "disable", "enable", "close"]
    assert script.duration_s == 9


def test_a_script_may_publish_nothing_and_have_no_fault(tmp_path: Path) -> None:
    script = read_scripts(written(tmp_path, publish={"broadcast_every_s": None}))["py.c"]
    assert (script.broadcast_every_s, script.row_every_s, script.healed_s) == (None, None, None)


@pytest.mark.parametrize(
    "step",
    [
        {"on": "client", "do": "track", "id": "m", "payload": {"a": 1}},
        {"on": "client", "do": "set_auth", "token_lifetime_s": 60},
        {"on": "upstream", "do": "close_connections"},
        {"on": "upstream", "do": "accept_then_close", "until_s": 5},
        {"on": "server", "do": "signal", "signal": "KILL"},
        {"on": "server", "do": "tenant_set", "suspend": True},
        {"on": "client", "do": "resubscribe_at_once", "topic": "t", "wait": True},
        {"on": "client", "do": "raise_in_next_callback", "kind": "status"},
    ],
)
def test_steps_that_only_other_cases_have_are_known(tmp_path: Path, step: dict[str, Any]) -> None:
    script = read_scripts(written(tmp_path, {"at_s": 1, **step}))["py.c"]
    assert script.steps[1].do == step["do"]


def test_the_client_can_be_set_before_it_starts(tmp_path: Path) -> None:
    before = [{"on": "client", "do": "no_handler_for_uncaught_exceptions"}]
    script = read_scripts(written(tmp_path, before=before))["py.c"]
    assert [step.do for step in script.before] == ["no_handler_for_uncaught_exceptions"]


@pytest.mark.parametrize(
    ("step", "words"),
    [
        ({"on": "client", "do": "fly"}, "step 2 (client fly): there is no such step; there are:"),
        ({"on": "moon", "do": "connect"}, "step 2 (moon connect): there is no such step"),
        ({"on": "client", "do": "send"}, "step 2 (client send): does not say 'id'"),
        ({"on": "client", "do": "set_auth"}, "has to say one of token_expires_at_s and"),
        ({"on": "server", "do": "signal", "signal": "HUP"}, "signal: 'HUP' is none of TERM, KILL"),
        ({"on": "server", "do": "tenant_set"}, "names no setting"),
        (
            {"on": "proxy", "do": "remove_toxic", "type": "latency", "stream": "sideways"},
            "stream: 'sideways' is none of upstream, downstream",
        ),
        ({"on": "upstream", "do": "accept_then_close", "until_s": "soon"}, "'soon' is no number"),
        ({"on": "proxy", "do": "enable", "at_s": None}, "at_s: None is no number of seconds"),
    ],
)
def test_a_step_that_cannot_be_played_is_named(
    tmp_path: Path, step: dict[str, Any], words: str
) -> None:
    path = written(tmp_path, {"at_s": 1, **step})
    with pytest.raises(BadScript) as raised:
        read_scripts(path)
    assert str(raised.value).startswith(f"{path}: py.c: step 2 (")
    assert words in str(raised.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is no JSON"),
        ("[]", "is no object of scripts"),
        ("{}", "is no object of scripts"),
        ('{"py.c": 1}', "py.c: is no object"),
        ('{"go.c": {"steps": []}}', "go.c: client 'go' is none of py, js"),
        ('{"py.c": {"steps": 1}}', "py.c: step: is no list of steps"),
        ('{"py.c": {"steps": [7]}}', "py.c: step 1: is no object"),
        ('{"py.c": {"steps": []}}', "py.c: has to make the client connect"),
    ],
)
def test_a_file_that_holds_no_scripts_says_why(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "scripts.json"
    path.write_text(text)
    with pytest.raises(BadScript, match=words):
        read_scripts(path)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"fault_s": 3}, r"fault_s: 3 is no \[begin, healed\]"),
        ({"fault_s": ["now", None]}, "fault_s: 'now' is no number"),
        ({"publish": {"broadcast_every_s": 0}}, "broadcast_every_s: 0 is no period"),
        ({"before": [{"on": "sun", "do": "shine"}]}, r"before 1 \(sun shine\): there is no such"),
    ],
)
def test_settings_that_make_no_sense_are_named(
    tmp_path: Path, more: dict[str, Any], words: str
) -> None:
    with pytest.raises(BadScript, match=words):
        read_scripts(written(tmp_path, **more))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadScript, match="cannot be read: No such file"):
        read_scripts(tmp_path / "scripts.json")
