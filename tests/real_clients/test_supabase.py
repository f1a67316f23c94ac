"""The `supabase` package, given the address of the fake server as if it were a project's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, cast

import pytest
from postgrest.exceptions import APIError
from postgrest.types import CountMethod
from supabase import AsyncClient, create_async_client

from fake_server import FakeServer, ServerConfig
from fake_server.tenancy import Tenancy
from tests.real_clients.clients import PATIENCE_S

pytestmark = pytest.mark.filterwarnings(
    # The package hands its own parts what they have deprecated.
    "ignore:The '(timeout|verify|proxy)' parameter is deprecated:DeprecationWarning",
    # `realtime` reads what `websockets` has deprecated; as an error it would end its reading task.
    "ignore:ConnectionClosed:DeprecationWarning",
)


@asynccontextmanager
async def project() -> AsyncIterator[tuple[FakeServer, AsyncClient]]:
    """A server, and a client made of its address and key alone."""
    server = FakeServer()
    await server.start()
    try:
        async with client_of(server) as client:
            yield server, client
    finally:
        await server.stop()


@asynccontextmanager
async def client_of(tenant: Tenancy) -> AsyncIterator[AsyncClient]:
    client = await create_async_client(tenant.http_url, tenant.apikey)
    try:
        yield client
    finally:
        await client.realtime.close()
        await client.auth.close()
        await client.postgrest.aclose()


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
async def test_the_base_url_of_each_of_several_tenants_is_all_that_a_client_needs() -> None:
    """What is written at one arrives there, and at no other."""
    server = FakeServer([ServerConfig(tenant="one"), ServerConfig(tenant="two")])
    await server.start()
    changed: dict[str, asyncio.Queue[Any]] = {name: asyncio.Queue() for name in server.tenants}
    async with AsyncExitStack() as stack:
        stack.push_async_callback(server.stop)
        for name, heard in changed.items():
            client = await stack.enter_async_context(client_of(server.tenant(name)))
            await client.auth.sign_in_with_password(
                {"email": "ada@example.com", "password": "correct horse battery staple"}
            )
            channel = client.channel("jobs")
            channel.on_postgres_changes(
                "INSERT", heard.put_nowait, table="course_generation_jobs", schema="public"
            )
            ready: asyncio.Queue[Any] = asyncio.Queue()
            channel.on_system(ready.put_nowait)
            await channel.subscribe()
            await first(ready)
            await client.table("course_generation_jobs").insert({"title": name}).execute()
        for name, heard in changed.items():
            assert (await first(heard))["data"]["record"]["title"] == name
            assert heard.empty()


@pytest.mark.asyncio
async def test_presence_and_changes_arrive_and_come_back_after_a_kill() -> None:
    async with project() as (server, client):
        await client.auth.sign_in_with_password(
            {"email": "ada@example.com", "password": "correct horse battery staple"}
        )
        user = await client.auth.get_user()
        assert user is not None
        told: asyncio.Queue[Any] = asyncio.Queue()
        channel = client.channel("jobs", {"config": {"presence": {"key": "ada", "enabled": True}}})
        channel.on_presence_join(lambda key, old, new: told.put_nowait(("join", key)))
        channel.on_system(lambda message: told.put_nowait(("system", message.status)))
        channel.on_postgres_changes(
            "INSERT",
            lambda change: told.put_nowait(("pg", change["data"]["record"]["title"])),
            table="course_generation_jobs",
            schema="public",
        )
        await channel.subscribe()
        for title in ("Tides", "Stars"):
            assert await first(told) == ("system", "ok")
            await channel.track({"on": title})
            assert await first(told) == ("join", "ada")
            server.database.execute(
                "insert into public.course_generation_jobs(title, user_id) "
                f"values ('{title}', '{user.user.id}')",
                server.now_s(),
            )
            assert await first(told) == ("pg", title)
            server.kill_connections()


@pytest.mark.asyncio
async def test_sign_up_and_codes_by_mail_work_as_the_package_sends_them() -> None:
    async with project() as (server, client):
        made = await client.auth.sign_up({"email": "new@example.com", "password": "swordfish"})
        assert made.session is not None
        assert made.user is not None
        assert made.user.identities is not None
        assert [identity.provider for identity in made.user.identities] == ["email"]
        changed = await client.auth.update_user({"data": {"team": "red"}})
        assert changed.user.user_metadata["team"] == "red"
        await client.auth.sign_out()
        await client.auth.sign_in_with_otp({"email": "new@example.com"})
        code = server.truth()["mails"][-1]["code"]
        proven = await client.auth.verify_otp(
            {"email": "new@example.com", "token": code, "type": "email"}
        )
        assert proven.session is not None
        claims = await client.auth.get_claims()
        assert claims is not None
        assert claims["claims"]["amr"][0]["method"] == "otp"


@pytest.mark.asyncio
async def test_the_key_of_the_service_manages_users() -> None:
    async with project() as (server, _):
        key = server.token("service", "service", role="service_role")
        service = await create_async_client(server.http_url, key)
        admin = service.auth.admin
        made = await admin.create_user(
            {"email": "new@example.com", "password": "swordfish", "email_confirm": True}
        )
        assert (await admin.get_user_by_id(made.user.id)).user.email == "new@example.com"
        await admin.update_user_by_id(made.user.id, {"user_metadata": {"n": 1}})
        assert "new@example.com" in [user.email for user in await admin.list_users()]
        link = await admin.generate_link({"type": "magiclink", "email": "new@example.com"})
        assert link.properties.email_otp.isdigit()
        await admin.delete_user(made.user.id)
        assert len(await admin.list_users()) == 2
        await service.auth.close()
        await service.postgrest.aclose()


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


@asynccontextmanager
async def signed_in() -> AsyncIterator[tuple[FakeServer, AsyncClient]]:
    """The same, as one of its users."""
    async with project() as (server, client):
        await client.auth.sign_in_with_password(
            {"email": "ada@example.com", "password": "correct horse battery staple"}
        )
        yield server, client


@pytest.mark.asyncio
async def test_rows_are_chosen_counted_and_embedded() -> None:
    async with signed_in() as (_, client):
        tasks = client.table("course_generation_tasks")
        found = (
            await tasks.select(
                "position, job:course_generation_jobs!inner(title)", count=CountMethod.exact
            )
            .in_("status", ["done", "running", "a,b"])
            .neq("name", "(nothing)")
            .or_("position.gte.2,name.ilike.out*")
            .order("position", desc=True)
            .limit(1)
            .execute()
        )
        assert found.data == [{"position": 2, "job": {"title": "Analytical engines"}}]
        assert found.count == 2
        head = await tasks.select("*", count=CountMethod.exact, head=True).execute()
        assert (head.data, head.count) == ([], 2)
        csv = await tasks.select("name").order("position").csv().execute()
        assert csv.data == "name\noutline\nlessons"


@pytest.mark.asyncio
async def test_one_row_is_wanted_and_may_be_missing() -> None:
    async with signed_in() as (_, client):
        jobs = client.table("course_generation_jobs")
        one = await jobs.select("title").eq("status", "running").single().execute()
        assert one.data == {"title": "Analytical engines"}
        assert await jobs.select("*").eq("status", "done").maybe_single().execute() is None
        with pytest.raises(APIError) as refused:
            await jobs.select("*").eq("status", "done").single().execute()
        assert refused.value.code == "PGRST116"


@pytest.mark.asyncio
async def test_rows_are_written_merged_changed_and_deleted() -> None:
    async with signed_in() as (_, client):
        jobs = client.table("course_generation_jobs")
        made = await jobs.insert([{"title": "Tides"}, {"title": "Moons"}]).execute()
        rows: Any = made.data
        assert [row["status"] for row in rows] == ["queued", "queued"]
        first = rows[0]["id"]
        merged = await jobs.upsert({"id": first, "title": "Tides", "progress": 5}).execute()
        (row,) = cast(Any, merged.data)
        assert row["progress"] == 5
        changed = await jobs.update({"status": "running"}).eq("id", first).execute()
        (row,) = cast(Any, changed.data)
        assert row["status"] == "running"
        gone = await jobs.delete().in_("title", ["Tides", "Moons"]).execute()
        assert len(gone.data) == 2
        with pytest.raises(APIError) as refused:
            await jobs.insert({"title": "x", "status": "unheard of"}).execute()
        assert refused.value.code == "23514"


@pytest.mark.asyncio
async def test_a_stranger_sees_and_writes_nothing() -> None:
    async with project() as (_, client):
        jobs = client.table("course_generation_jobs")
        assert (await jobs.select("*").execute()).data == []
        with pytest.raises(APIError) as refused:
            await jobs.insert({"title": "Tides"}).execute()
        assert refused.value.code in ("23502", "42501")
        with pytest.raises(APIError) as refused:
            await client.rpc("nothing", {"a": 1}).execute()
        assert refused.value.code == "PGRST202"
