"""The command: what it prints, what it returns, and that it finds its mistakes."""

from __future__ import annotations

import asyncio
import json
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fake_server import FakeServer
from tests.golden_replay.command import IMPOSSIBLE, main
from tests.usage import USAGE

RECORDED = Path(__file__).parent.parent / "golden" / "supabase"


@pytest.fixture
def copied(tmp_path: Path) -> Callable[..., Path]:
    """A directory with copies of some recordings, which may be spoilt."""

    def copy(*names: str) -> Path:
        for name in names:
            shutil.copy(RECORDED / f"{name}.jsonl", tmp_path)
        return tmp_path

    return copy


def spoil(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_equal_cases_are_counted(
    copied: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(copied("heartbeat.v1", "leave.v2"))]) == 0
    assert capsys.readouterr().out == "2 of 2 equal\n"


def test_a_difference_is_told_with_its_case_its_line_and_both_sides(
    copied: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    directory = copied("heartbeat.v1", "leave.v2")
    spoil(directory / "heartbeat.v1.jsonl", "unmatched topic", "no such topic")
    assert main([str(directory)]) == 1
    out = capsys.readouterr().out
    assert "heartbeat.v1:10 conn A\n  expected text " in out
    assert "no such topic" in out
    assert "unmatched topic" in out
    assert out.endswith("1 of 2 equal\n")


def test_a_recorded_delay_that_is_not_kept_is_a_difference(
    copied: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    directory = copied("connect_missing_apikey")
    spoil(directory / "connect_missing_apikey.jsonl", '"t": 2.0', '"t": 3.0')
    assert main([str(directory)]) == 1
    assert "2.00 s" in capsys.readouterr().out


def test_a_step_that_nobody_can_do_is_a_difference_and_not_skipped(
    copied: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    directory = copied("heartbeat.v1")
    with (directory / "heartbeat.v1.jsonl").open("a", encoding="utf-8") as file:
        line = {"t": 9.0, "dir": "event", "kind": "action", "data": {"do": "set_on_fire"}}
        file.write(json.dumps(line) + "\n")
    assert main([str(directory)]) == 1
    assert "our server has no set_on_fire" in capsys.readouterr().out


JOIN = {"config": {"broadcast": {"self": True, "ack": False}}}
JOINED = '{"status":"ok","response":{"postgres_changes":[]}}'


def test_every_kind_of_step_of_a_client_is_played(
    copied: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """Pings, a client that does not read, a burst, bytes that are no text, a broken connection:
    no recording of this directory need have them."""
    directory = copied("heartbeat.v1")
    path = directory / "heartbeat.v1.jsonl"
    opening = path.read_text(encoding="utf-8").splitlines()[:3]
    steps: list[tuple[float, str, str, object]] = [
        (0.1, "client", "text", _v1("realtime:a", "phx_join", JOIN, "1")),
        (0.1, "server", "text", _reply("1", JOINED, "realtime:a")),
        (0.2, "client", "ping", ""),
        (0.2, "server", "pong", ""),
        (0.3, "event", "action", {"do": "client_stop_reading"}),
        (0.4, "event", "action", {"do": "client_burst", "broadcasts": 50, "bytes": 20000}),
        (2.4, "event", "action", {"do": "client_read_again"}),
        (2.5, "event", "count", {"frames": 50}),
        (2.6, "client", "text", "<raw frame: opcode text, payload ff fe 22>"),
        (2.7, "client", "text", _v1("phoenix", "heartbeat", {}, "99")),
        (2.7, "server", "text", _reply("99", '{"status":"ok","response":{}}', "phoenix")),
        (3.0, "event", "action", {"do": "client_abort"}),
    ]
    lines = [
        json.dumps({"t": t, "dir": direction, "kind": kind, "data": data, "conn": "A"})
        for t, direction, kind, data in steps
    ]
    path.write_text("\n".join(opening + lines), encoding="utf-8")
    assert main([str(directory)]) == 0, capsys.readouterr().out


def _v1(topic: str, event: str, payload: object, ref: str) -> str:
    fields = {"topic": topic, "event": event, "payload": payload, "ref": ref, "join_ref": "1"}
    return json.dumps(fields)


def _reply(ref: str, payload: str, topic: str) -> str:
    return f'{{"ref":"{ref}","event":"phx_reply","payload":{payload},"topic":"{topic}"}}'


def test_an_impossible_case_is_counted_apart(
    copied: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    (name,) = IMPOSSIBLE
    assert main([str(copied(name, "leave.v2"))]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"1 of 1 equal\n{name} is not counted: ")


def test_only_chooses_by_name(
    copied: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(copied("heartbeat.v1", "leave.v2")), "--only", "leave*"]) == 0
    assert capsys.readouterr().out == "1 of 1 equal\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["{}"], "no recorded case"),
        (["{}/nowhere"], "no recorded case"),
        (["{}", "--only", "nosuch*"], "nosuch*"),
        ([str(RECORDED), "--url", "nonsense"], "write http://127.0.0.1:4000"),
    ],
)
def test_a_command_that_makes_no_sense_is_told_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    assert main([argument.format(tmp_path) for argument in arguments]) == USAGE
    assert words in capsys.readouterr().err


def test_a_command_without_a_directory_shows_its_usage(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([])
    assert ended.value.code == USAGE
    assert "usage: python -m tests.golden" in capsys.readouterr().err


def test_a_broken_transcript_is_named_with_its_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = '{"t": 0, "dir": "event", "kind": "case", "data": "x"}\n'
    (tmp_path / "broken.jsonl").write_text(good + '{"t": 1}\n', encoding="utf-8")
    assert main([str(tmp_path)]) == USAGE
    assert "broken.jsonl, line 2" in capsys.readouterr().err


@contextmanager
def running_server() -> Iterator[str]:
    """A server of ours on a real socket, in a thread of its own; gives its address."""
    ready = threading.Event()
    address: list[str] = []
    stop: list[Callable[[], object]] = []

    async def serve() -> None:
        server, ended, loop = FakeServer(), asyncio.Event(), asyncio.get_running_loop()
        await server.start()
        address.append(f"http://127.0.0.1:{server.port}")
        stop.append(lambda: loop.call_soon_threadsafe(ended.set))
        ready.set()
        await ended.wait()
        await server.stop()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert ready.wait(10)
    try:
        yield address[0]
    finally:
        stop[0]()
        thread.join(10)


def test_a_running_server_is_replayed_against_in_real_time_with_tokens_of_today(
    copied: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """The recorded tokens have expired: only those that are signed again are let in."""
    directory = copied("heartbeat.v1", "connect_valid_anon", "connect_expired")
    with running_server() as url:
        assert main([str(directory), "--url", url]) == 0, capsys.readouterr().out


def test_what_only_an_operator_can_do_is_a_difference_against_an_address(
    copied: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    directory = copied("tenant_presence_enabled.v1")
    with running_server() as url:
        assert main([str(directory), "--url", url]) == 1
    assert "no tenant can be changed at 127.0.0.1" in capsys.readouterr().out
