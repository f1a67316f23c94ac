"""The shapes of refusals, by the version that a client names."""

from __future__ import annotations

import pytest

from tests.fake_server.auth.asking import call, post, project
from tests.fake_server.stage import in_simulation, simulated

WRONG = {"email": "a@b.example", "password": "x"}


@pytest.mark.parametrize(
    ("version", "is_new"),
    [("2024-01-01", True), ("2025-06-01", True), ("2023-12-31", False), ("2024-13-01", False)],
)
def test_a_version_from_2024_on_gets_the_code_as_text(version: str, is_new: bool) -> None:
    async def story() -> None:
        async with project() as s:
            reply = await call(
                s, "POST", "token?grant_type=password", WRONG, x_supabase_api_version=version
            )
            assert reply.status == 400
            assert reply.headers["x-sb-error-code"] == "invalid_credentials"
            echoed = reply.headers.get("x-supabase-api-version")
            text = "Invalid login credentials"
            if is_new:
                assert echoed == "2024-01-01"
                assert reply.json == {"code": "invalid_credentials", "message": text}
            else:
                assert echoed is None
                code = {"code": 400, "error_code": "invalid_credentials"}
                assert reply.json == {**code, "msg": text}

    in_simulation(story)


@simulated
async def test_a_refresh_without_its_token_is_refused_in_the_shape_of_oauth() -> None:
    async with project() as s:
        reply = await post(s, "token?grant_type=refresh_token")
        told = {"error": "invalid_request", "error_description": "refresh_token required"}
        assert (reply.status, reply.json) == (400, told)


@simulated
async def test_a_body_that_is_none_is_refused_with_its_reason() -> None:
    async with project() as s:
        path = "token?grant_type=password"
        for body, reason in (
            ([], "cannot unmarshal array into Go value"),
            ({"email": 7}, "number into Go struct field PasswordGrantParams.email of type string"),
        ):
            reply = await call(s, "POST", path, body)
            assert reply.json["error_code"] == "bad_json"
            assert reason in reply.json["msg"]
        assert "unexpected end of JSON" in (await call(s, "POST", path)).json["msg"]
