"""The official clients are called back as they were by the real server."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fake_server import FakeServer, ServerConfig
from fake_server.schema import load
from tests.real_clients.clients import (
    Callback,
    NodeClient,
    PythonClient,
    RealClient,
    serving,
    until,
)

_TESTS = Path(__file__).parent.parent
GOLDEN = _TESTS / "golden" / "supabase"
_SCHEMA = load(_TESTS / "fake_server" / "golden_schema.toml")
RECORDED = ServerConfig(schema=_SCHEMA, database_cold_s=0.0)
"""The project that was recorded, whose worker was up."""
TODOS = {"event": "*", "schema": "public", "table": "todos"}
CASES: dict[str, tuple[Callable[[], RealClient], str]] = {
    "client_python_2.34.1_full": (PythonClient, "py"),
    "client_js_2.119.1_full": (lambda: NodeClient("realtime_js.mjs", "2.0.0"), "js"),
    "client_js_2.119.1_full_vsn1": (lambda: NodeClient("realtime_js.mjs", "1.0.0"), "js"),
}
"""For each recording the client, and the name that it goes by in it."""
ANSWERS = ("send", "track", "untrack", "unsubscribe")
"""What promises came to. They race the listeners: both orders of `track` and `join` are recorded,
as a presence reply races the diff that it causes (golden/README.md)."""
_IDS = re.compile(r'"ids": \[(\d+)\]')
_VARIES = re.compile(r'("(?:presence_ref|phx_ref|commit_timestamp|created_at)": )"[^"]+"')


def lines(case: str) -> list[Any]:
    """The lines of a recording."""
    text = (GOLDEN / f"{case}.jsonl").read_text().replace("RealtimeSubscribeStates.", "")
    return [json.loads(line) for line in text.splitlines()]


def recorded(case: str) -> list[Callback]:
    """The callbacks of a recording, in order."""
    told = [line["data"] for line in lines(case) if line["kind"] == "callback"]
    return [(callback["cb"], callback["args"]) for callback in told]


def pushed(case: str, event: str) -> list[Any]:
    """The payloads that the real server pushed with an event, in a recording in V2."""
    frames = [
        json.loads(line["data"])
        for line in lines(case)
        if (line["dir"], line["kind"]) == ("server", "text")
    ]
    return [frame[4] for frame in frames if frame[3] == event]


def without_what_varies(value: Any) -> Any:
    """The same without what is another in each run, and the ids of bindings counted, as a fake may
    choose them (golden/README.md)."""
    text, ids = _VARIES.sub(r'\1"…"', json.dumps(value)), dict[str, int]()
    counted = _IDS.sub(lambda found: f'"ids": [{ids.setdefault(found[1], len(ids))}]', text)
    return json.loads(counted)


def comparable(callbacks: list[Callback]) -> dict[str, Any]:
    """Listeners in their order and answers in theirs, without what varies from run to run."""
    same = without_what_varies(callbacks)
    return {
        "listeners": [callback for callback in same if callback[0] not in ANSWERS],
        "answers": [callback for callback in same if callback[0] in ANSWERS],
    }


async def play(case: str, name: str, server: FakeServer, client: RealClient) -> None:
    """Do with a client what was done with it when the case was recorded."""
    statements = [line["data"] for line in lines(case) if line["kind"] == "sql"]
    assert len(statements) == 2
    await client.do("subscribe", topic=f"room-{name}", key=name, changes=[TODOS])
    await until(client, "system")
    await until(client, "sync")
    await client.do("send", payload={"n": 1})
    await until(client, "broadcast")
    await client.do("track", payload={"status": "on"})
    await until(client, "sync", count=2)
    for number, statement in enumerate(statements, 1):
        server.database.execute(statement, server.now_s())
        await until(client, "pg", count=number)
    await client.do("set_auth", token=server.token("alice", "renewed"))
    await client.do("untrack")
    await until(client, "sync", count=3)
    await client.do("unsubscribe")
    await until(client, "subscribe", "CLOSED")


@pytest.mark.asyncio
@pytest.mark.parametrize("case", CASES)
async def test_a_life_calls_back_as_recorded(case: str) -> None:
    make, name = CASES[case]
    async with serving(make(), RECORDED) as (server, client):
        await play(case, name, server, client)
    assert comparable(client.seen.all) == comparable(recorded(case))


@pytest.mark.asyncio
async def test_phoenix_js_is_given_what_the_real_server_pushed() -> None:
    """It was not recorded; it hands on the payloads of what it gets, and those were."""
    case = "client_js_2.119.1_full"
    client = NodeClient("phoenix_js.mjs", "2.0.0")
    async with serving(client, RECORDED) as (server, _):
        await play(case, "js", server, client)
    for cb, event in (("system", "system"), ("pg", "postgres_changes")):
        given = [args[0] for args in client.seen.args(cb)]
        assert without_what_varies(given) == without_what_varies(pushed(case, event))
    expected = {"js": without_what_varies(pushed(case, "presence_diff")[0])["joins"]["js"]}
    key, _, joined = client.seen.args("join")[0]
    assert without_what_varies({key: joined}) == expected


@pytest.mark.asyncio
async def test_a_private_channel_that_is_denied_calls_back_as_recorded() -> None:
    """It is denied again at each attempt; the client waits longer before each."""
    expected = recorded("client_python_2.34.1_private_denied")
    async with serving(PythonClient(), ServerConfig(join_error_delay_s=0.1)) as (_, client):
        attempt = client.do("subscribe", topic="priv-1", key="", changes=[], private=True)
        subscribing = asyncio.create_task(attempt)
        await until(client, "subscribe", count=len(expected))
        subscribing.cancel()
    assert client.seen.all[: len(expected)] == expected
