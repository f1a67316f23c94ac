"""The command: what it prints, what it returns, and that it finds its mistakes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.toxiproxy import EmbeddedToxiproxy
from tests.golden_toxiproxy.command import main
from tests.golden_toxiproxy.http import ask
from tests.golden_toxiproxy.records import NOT_REPLAYED, RECORDED, read_files
from tests.usage import USAGE


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedToxiproxy]:
    with EmbeddedToxiproxy(seed=1) as child:
        yield child


def test_every_recorded_request_is_answered_as_the_real_server_did(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code = main(["embedded"])
    assert capsys.readouterr().out == "242 of 242 equal\n"
    assert code == 0


def test_a_running_server_is_asked_and_emptied_first(
    server: EmbeddedToxiproxy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(RECORDED / "reset.jsonl", tmp_path)
    left = json.dumps({"name": "left ?over", "upstream": "127.0.0.1:9", "enabled": False})
    assert ask(server.host, server.port, "POST", "/proxies", left).status == 201
    assert main([f"{server.host}:{server.port}", str(tmp_path)]) == 0, capsys.readouterr().out
    assert capsys.readouterr().out == "7 of 7 equal\n"


def test_a_difference_is_told_with_its_record_and_both_sides(
    server: EmbeddedToxiproxy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (RECORDED / "misc.jsonl").read_text(encoding="utf-8")
    (tmp_path / "misc.jsonl").write_text(text.replace("2.12.0", "2.11.0", 1), encoding="utf-8")
    assert main([f"{server.host}:{server.port}", str(tmp_path)]) == 1
    out = capsys.readouterr().out
    assert out.startswith('misc 1 version: body\n  expected {"version": "2.11.0"}\n  got      {')
    assert out.endswith("23 of 24 equal\n")


def test_a_file_of_any_name_is_replayed_before_the_one_that_cannot_be_undone(
    tmp_path: Path,
) -> None:
    for name, copy in (("slash", "slash"), ("misc", "misc"), ("toxics", "zz_more")):
        shutil.copy(RECORDED / f"{name}.jsonl", tmp_path / f"{copy}.jsonl")
    shutil.copy(RECORDED / "timing.jsonl", tmp_path)
    firsts = [records[0].name.split()[0] for records in read_files(tmp_path)]
    assert firsts == ["misc", "zz_more", "slash"]


def test_what_is_left_out_is_there_to_be_left_out() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in RECORDED.glob("*.jsonl"))
    assert not [name for name in NOT_REPLAYED if f'"id": "{name}"' not in text]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["somewhere"], "write embedded"),
        (["127.0.0.1:http"], "write embedded"),
        (["embedded", "{}"], "no recorded request"),
        (["embedded", "{}/nowhere"], "no recorded request"),
        (["127.0.0.1:1"], "refused"),
    ],
)
def test_a_command_that_makes_no_sense_is_told_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    assert main([argument.format(tmp_path) for argument in arguments]) == USAGE
    assert words in capsys.readouterr().err


def test_a_broken_record_is_named_with_its_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = (RECORDED / "misc.jsonl").read_text(encoding="utf-8").splitlines()[0]
    (tmp_path / "misc.jsonl").write_text(f'{line}\n{{"id": 1}}\n', encoding="utf-8")
    assert main(["embedded", str(tmp_path)]) == USAGE
    assert "misc.jsonl, line 2" in capsys.readouterr().err


def test_a_server_that_cannot_be_emptied_is_told_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(RECORDED / "slash.jsonl", tmp_path)
    with EmbeddedToxiproxy(seed=1) as child:
        address = f"{child.host}:{child.port}"
        assert main([address, str(tmp_path)]) == 0
        assert main([address, str(tmp_path)]) == USAGE
    assert "start it anew" in capsys.readouterr().err
