"""The `supabase` package, given the address of the fake server as if it were a project's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from supabase import AsyncClient, create_async_client

from fake_server import FakeServer
from tests.real_clients.clients import PATIENCE_S

pytestmark = pytest.mark.filterwarnings(
    # The package hands its own parts what they have deprecated.
    "ignore:The '(timeout|verify|proxy)' parameter is deprecated:DeprecationWarning"
)


@asynccontextmanager
async def project() -> AsyncIterator[tuple[FakeServer, AsyncClient]]:
    """A server, and a client made of its address and key alone."""
    server = FakeServer()
    await server.start()
    try:
        client = await create_async_client(server.http_url, server.apikey)
        try:
            yield server, client
        finally:
            await client.realtime.close()
            await client.auth.close()
            await client.postgrest.aclose()
    finally:
        await server.stop()


async def first(queue: asyncio.Queue[Any]) -> Any:
    return await asyncio.wait_for(queue.get(), PATIENCE_S)


@pytest.mark.asyncio
async def test_a_channel_hears_its_broadcast() -> None:
    async with project() as (_, client):
        heard: asyncio.Queue[Any] = asyncio.Queue()
        config = {"config": {"broadcast": {"self": True, "ack": False}}}
        channel = client.channel("room", config)
        channel.on_broadcast("ev", heard.put_nowait)
        states: asyncio.Queue[Any] = asyncio.Queue()
        await channel.subscribe(lambda state, error: states.put_nowait(state.value))
        assert await first(states) == "SUBSCRIBED"
        await channel.send_broadcast("ev", {"n": 1})
        assert (await first(heard))["payload"] == {"n": 1}


@pytest.mark.asyncio
async def test_an_insert_into_a_table_arrives_as_a_change() -> None:
    async with project() as (_, client):
        await client.auth.sign_in_with_password(
            {"email": "ada@example.com", "password": "correct horse battery staple"}
        )
        changed: asyncio.Queue[Any] = asyncio.Queue()
        channel = client.channel("jobs")
        channel.on_postgres_changes(
            "INSERT", changed.put_nowait, table="course_generation_jobs", schema="public"
        )
        ready: asyncio.Queue[Any] = asyncio.Queue()
        channel.on_system(ready.put_nowait)
        await channel.subscribe()
        await first(ready)
        await client.table("course_generation_jobs").insert({"title": "Tides"}).execute()
        change = await first(changed)
        assert change["data"]["record"]["title"] == "Tides"


@pytest.mark.asyncio
async def test_a_channel_stays_joined_when_the_session_is_refreshed() -> None:
    async with project() as (server, client):
        await client.auth.sign_in_with_password(
            {"email": "ada@example.com", "password": "correct horse battery staple"}
        )
        states: asyncio.Queue[Any] = asyncio.Queue()
        await client.channel("room").subscribe(lambda state, error: states.put_nowait(state.value))
        assert await first(states) == "SUBSCRIBED"
        joined = server.membership()
        await client.auth.refresh_session()
        await asyncio.sleep(0.5)
        assert server.membership() == joined
        assert states.empty()
