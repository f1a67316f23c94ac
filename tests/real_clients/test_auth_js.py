"""`@supabase/auth-js` signs up, proves a code, refreshes, changes its user, and manages users."""

from __future__ import annotations

from typing import Any

import pytest

from fake_server import FakeServer
from tests.real_clients.clients import NodeClient, until

NEW = {"email": "new@example.com", "password": "swordfish"}


class AuthClient(NodeClient):
    """The client in its child process; `ask` waits for what a call came to."""

    def __init__(self) -> None:
        super().__init__("auth_js.mjs", "")

    async def open(self, server: FakeServer) -> None:
        """Start Node, and make the clients of the two keys in it."""
        await super().open(server)
        key = server.token("service", "service", role="service_role")
        url = f"{server.http_url}/auth/v1"
        await self.do("open", url=url, apikey=server.apikey, servicekey=key)

    async def ask(self, method: str, *args: Any, admin: bool = False) -> Any:
        """Call a method, and give back its data, or the code and status of its error."""
        before = self.seen.count(method)
        await self.do("admin" if admin else "call", method=method, args=list(args))
        await until(self, method, count=before + 1)
        return self.seen.args(method)[-1][0]


@pytest.mark.asyncio
async def test_a_user_lives_as_in_production() -> None:
    server, client = FakeServer(), AuthClient()
    await server.start()
    await client.open(server)
    try:
        made = await client.ask("signUp", NEW)
        assert made["session"]["user"]["email"] == NEW["email"]
        assert await client.ask("signUp", NEW) == {"code": "user_already_exists", "status": 422}
        renewed = await client.ask("refreshSession")
        assert renewed["session"]["refresh_token"] != made["session"]["refresh_token"]
        changed = await client.ask("updateUser", {"data": {"team": "red"}})
        assert changed["user"]["user_metadata"]["team"] == "red"
        weak = await client.ask("updateUser", {"password": "x"})
        assert weak == {"code": "weak_password", "status": 422}
        await client.ask("signOut")
        wrong = await client.ask("signInWithPassword", {**NEW, "password": "wrong"})
        assert wrong == {"code": "invalid_credentials", "status": 400}
        await client.ask("signInWithOtp", {"email": NEW["email"]})
        code = server.truth()["mails"][-1]["code"]
        proof = {"email": NEW["email"], "token": code, "type": "email"}
        assert (await client.ask("verifyOtp", proof))["session"]["access_token"]
        claims = (await client.ask("getClaims"))["claims"]
        assert claims["amr"][0]["method"] == "otp"
    finally:
        await client.end()
        await server.stop()


@pytest.mark.asyncio
async def test_the_key_of_the_service_pages_through_users() -> None:
    server, client = FakeServer(), AuthClient()
    await server.start()
    await client.open(server)
    try:
        made = await client.ask("createUser", {**NEW, "email_confirm": True}, admin=True)
        page = await client.ask("listUsers", {"page": 1, "perPage": 2}, admin=True)
        assert (page["total"], page["nextPage"], page["lastPage"]) == (3, 2, 2)
        link = await client.ask(
            "generateLink", {"type": "recovery", "email": NEW["email"]}, admin=True
        )
        assert link["properties"]["verification_type"] == "recovery"
        await client.ask("deleteUser", made["user"]["id"], admin=True)
        gone = await client.ask("getUserById", made["user"]["id"], admin=True)
        assert gone == {"code": "user_not_found", "status": 404}
    finally:
        await client.end()
        await server.stop()
