"""A client that is a program: what it may say, how it ends, and what is kept from others."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Any

import pytest

from harness.clients.program import Program, ProgramFailed, manager, read_op, realtime_py
from harness.conformance import NotConforming, check_client
from harness.history import Op
from harness.worlds.wire import WireWorld
from tests.servers import make_server

URL = "ws://127.0.0.1:1/realtime/v1?apikey=eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJtZSJ9.c2lnbmF0dXJl"

ECHO = """
import json, sys
url = ""
for line in sys.stdin:
    op = json.loads(line)
    {act}
    print(json.dumps({{"id": op["id"], "type": "ok", "f": op["f"]}}), flush=True)
"""


def program(act: str) -> Program:
    """A program that answers every call with ok, after it has done something."""
    return Program([sys.executable, "-c", ECHO.format(act=act)], Random(1))


def run(act: str, story: Callable[[Program], Awaitable[Any]]) -> tuple[Any, list[Op]]:
    heard: list[Op] = []

    async def main() -> Any:
        one = program(act)
        one.on_event(heard.append)
        try:
            await one.open(URL, "client-0")
            return await story(one)
        finally:
            await one.close()

    return asyncio.run(main()), heard


def subscribe(one: Program) -> Awaitable[Op]:
    value = {"topic": "room"}
    return one.invoke(Op(process="client-0", type="invoke", f="subscribe", value=value, id=7))


def mute(rng: Random) -> Program:
    return program("pass")


def test_our_clients_keep_the_contract_as_programs_and_a_mute_one_does_not() -> None:
    world = WireWorld(make_server)
    with ThreadPoolExecutor() as pool:
        ours = [pool.submit(check_client, maker, world) for maker in (manager, realtime_py)]
        silent = pool.submit(check_client, mute, world)
        for checked in ours:
            checked.result()
        with pytest.raises(NotConforming, match="no `joined` event came"):
            silent.result()
    world.close()


def test_an_answer_completes_its_call() -> None:
    done, _ = run("pass", subscribe)
    assert (done.type, done.f, done.id) == ("ok", "subscribe", 7)


def test_what_has_no_id_is_an_event() -> None:
    say = 'print(json.dumps({"type": "info", "f": "joined", "value": {"topic": "room"}}))'
    _, heard = run(f"op['f'] == 'subscribe' and {say}", subscribe)
    assert [(op.f, dict(op.value)) for op in heard[:1]] == [("joined", {"topic": "room"})]


def test_a_program_that_ends_loses_what_it_had_joined_and_shows_its_last_words() -> None:
    say = (
        'print(json.dumps({"type": "info", "f": "joined", "value": {"topic": "room"}}), flush=True)'
    )
    act = f"op['f'] == 'subscribe' and ({say}, sys.exit('out of ' + 'memory ' + op['f']))"

    async def story(one: Program) -> str:
        with pytest.raises(ProgramFailed) as failed:
            await subscribe(one)
        return str(failed.value)

    reason, heard = run(act, story)
    assert reason == "the program ended with 1; it said: out of memory subscribe"
    assert [op.f for op in heard] == ["joined", "lost"]


@pytest.mark.parametrize(
    ("act", "complaint"),
    [
        ("print('hello', flush=True)", "it said 'hello', which is no op"),
        ("print('{}', flush=True)", "which is no op"),
        ('print(\'{"type": "done", "f": "x"}\', flush=True)', "an op of type 'done'"),
        ("print('x' * (1 << 21), flush=True)", "chunk"),
    ],
)
def test_a_program_that_says_what_is_no_op_is_ended(act: str, complaint: str) -> None:
    with pytest.raises(ProgramFailed) as failed:
        run(act, subscribe)
    assert complaint in str(failed.value)


def test_a_program_that_will_not_end_is_ended() -> None:
    act = "op['f'] == 'close' and __import__('time').sleep(60)"
    run(act, subscribe)


def test_no_secret_is_in_the_arguments_or_the_last_words() -> None:
    async def story(one: Program) -> str:
        assert one._running is not None
        listed = ["ps", "-o", "args=", "-p", str(one._running.pid)]
        assert "eyJ" not in (await asyncio.to_thread(subprocess.check_output, listed)).decode()
        with pytest.raises(ProgramFailed) as failed:
            await subscribe(one)
        return str(failed.value)

    keep = "url = op['f'] == 'open' and op['value']['url'] or url"
    reason, _ = run(f"{keep}; op['f'] == 'subscribe' and sys.exit(url)", story)
    assert "it said: " in reason
    assert "eyJ" not in reason


def test_a_program_that_is_not_there_is_named() -> None:
    one = Program(["no-such-program-anywhere"], Random(1))
    with pytest.raises(ProgramFailed, match="cannot start 'no-such-program-anywhere'"):
        asyncio.run(one.open(URL, "client-0"))


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [([], "usage: "), (["nobody"], "unknown client 'nobody'; known: manager")],
)
def test_serving_nobody_is_refused_in_a_line(arguments: list[str], complaint: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "harness.clients.serve", *arguments], capture_output=True, text=True
    )
    assert done.returncode == 1
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr


def test_an_op_is_read() -> None:
    op = read_op(b'{"id": 3, "type": "fail", "f": "broadcast", "error": "no"}\n', "client-1")
    assert (op.id, op.type, op.f, op.error, op.process) == (
        3,
        "fail",
        "broadcast",
        "no",
        "client-1",
    )


def test_a_call_that_is_given_up_is_cancelled_in_the_program() -> None:
    """It answers no call but shows what it was told to cancel."""
    told = '{"type": "info", "f": "joined", "value": {"topic": str(op["value"]["id"])}}'
    act = f"""if op['f'] == 'subscribe': continue
    op['f'] == 'cancel' and print(json.dumps({told}), flush=True)"""

    async def story(one: Program) -> None:
        calling = asyncio.ensure_future(subscribe(one))
        await asyncio.sleep(0.1)
        calling.cancel()
        await asyncio.wait([calling])
        await asyncio.sleep(0.5)

    _, heard = run(act, story)
    assert [op.value["topic"] for op in heard[:1]] == ["2"], "the first call was open"


def test_a_program_that_runs_is_opened_again_and_one_that_was_closed_is_started_again() -> None:
    async def story(one: Program) -> list[int]:
        pids = []
        for closes in (False, True, False):
            await one.open(URL, "client-0")
            assert one._running is not None
            pids.append(one._running.pid)
            if closes:
                await one.close()
        return pids

    (first, again, anew), _ = run("pass", story)
    assert first == again != anew


def test_an_open_that_meets_a_close_waits_for_its_end() -> None:
    async def story(one: Program) -> bool:
        await asyncio.gather(one.close(), one.open(URL, "client-0"))
        return (await subscribe(one)).type == "ok"

    works, _ = run("pass", story)
    assert works


def test_a_call_of_the_programs_own_is_an_event_with_its_id() -> None:
    own = '{"id": -1, "type": "invoke", "f": "leave", "value": {"topic": "room"}}'
    _, heard = run(f"op['f'] == 'subscribe' and print('{own}', flush=True)", subscribe)
    assert [(op.id, op.type, op.f) for op in heard] == [(-1, "invoke", "leave")]


@pytest.mark.parametrize("id", ["3", "null", '"-1"'])
def test_a_call_of_the_programs_own_has_an_id_below_0(id: str) -> None:
    with pytest.raises(ProgramFailed, match="id"):
        read_op(b'{"id": %s, "type": "invoke", "f": "leave"}' % id.encode(), "client-1")
