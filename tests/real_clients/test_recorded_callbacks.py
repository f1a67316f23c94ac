"""The official clients are called back as they were by the real server."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fake_server import ServerConfig
from tests.real_clients.clients import (
    Callback,
    NodeClient,
    PythonClient,
    RealClient,
    serving,
    until,
)

GOLDEN = Path(__file__).parent.parent / "golden" / "supabase"
CASES: dict[str, tuple[Callable[[], RealClient], str]] = {
    "client_python_2.34.1_full": (PythonClient, "py"),
    "client_js_2.119.1_full": (lambda: NodeClient("realtime_js.mjs", "2.0.0"), "js"),
    "client_js_2.119.1_full_vsn1": (lambda: NodeClient("realtime_js.mjs", "1.0.0"), "js"),
}
"""For each recording the client, and the name that it goes by in it."""
ANSWERS = ("send", "track", "untrack", "unsubscribe")
"""What promises came to. They race the listeners: both orders of `track` and `join` are recorded,
as a presence reply races the diff that it causes (golden/README.md)."""
_VARIES = re.compile(r'("presence_ref": )"[^"]+"')


def recorded(case: str) -> list[Callback]:
    """The callbacks of a recording, in order."""
    text = (GOLDEN / f"{case}.jsonl").read_text().replace("RealtimeSubscribeStates.", "")
    lines = [json.loads(line) for line in text.splitlines()]
    told = [line["data"] for line in lines if line["kind"] == "callback"]
    return [(callback["cb"], callback["args"]) for callback in told]


def comparable(callbacks: list[Callback], without: tuple[str, ...] = ()) -> dict[str, Any]:
    """Listeners in their order and answers in theirs, without what varies from run to run."""
    same = json.loads(_VARIES.sub(r'\1"…"', json.dumps(callbacks)))
    kept = [callback for callback in same if callback[0] not in without]
    return {
        "listeners": [callback for callback in kept if callback[0] not in ANSWERS],
        "answers": [callback for callback in kept if callback[0] in ANSWERS],
    }


@pytest.mark.asyncio
@pytest.mark.parametrize("case", CASES)
async def test_broadcast_and_presence_call_back_as_recorded(case: str) -> None:
    make, name = CASES[case]
    async with serving(make()) as (server, client):
        await client.do("subscribe", topic=f"room-{name}", key=name, changes=[])
        await until(client, "sync")
        await client.do("send", payload={"n": 1})
        await until(client, "broadcast")
        await client.do("track", payload={"status": "on"})
        await until(client, "sync", count=2)
        await client.do("set_auth", token=server.token("alice", "renewed"))
        await client.do("untrack")
        await until(client, "sync", count=3)
        await client.do("unsubscribe")
        await until(client, "subscribe", "CLOSED")
    of_changes = ("system", "pg")
    assert comparable(client.seen.all, of_changes) == comparable(recorded(case), of_changes)


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
