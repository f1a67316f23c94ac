"""On whose behalf a request runs: the role and claims of its token, as PostgREST checks it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from fake_server.auth import bearer
from fake_server.core.state import State
from fake_server.database import Caller, DatabaseError, Schema
from fake_server.database.catalog import API_ROLES
from fake_server.http import Request
from fake_server.rest.errors import Refused
from fake_server.tokens import Problem, TokenRefused, signed_claims

_SKEW_S = 30
"""How far the clocks of those who sign and those who check may be apart."""
_PARTS = 3
_NOT_TO_BE_TAKEN = ("postgres", "supabase_admin")


def caller(state: State, request: Request, now_s: float) -> Caller:
    """Who asks; a request without a token of its own has its API key's.

    Raises `Refused`: PGRST301 for a token that is none or not ours, PGRST303 for claims that do not
    hold; and `DatabaseError` for a role that nobody can have.
    """
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and not given.strip():
        raise _refused("PGRST301", "Empty JWT is sent in Authorization header")
    token = bearer(request) or request.headers.get("apikey") or request.query.get("apikey", "")
    claims = _claims(state, token)
    _check_times(claims, now_s)
    role = str(claims.get("role", "anon"))
    _check_role(state.database.schema, role)
    return Caller(role, claims)


def _claims(state: State, token: str) -> Mapping[str, Any]:
    parts = token.count(".") + 1
    if parts != _PARTS:
        raise _refused("PGRST301", f"Expected 3 parts in JWT; got {parts}")
    try:
        return signed_claims(token, state.config.jwt_secret, state.config.jwks)
    except TokenRefused as refused:
        if refused.problem is Problem.MALFORMED:
            raise _refused("PGRST301", "JWT couldn't be decoded") from None
        details = "None of the keys was able to decode the JWT"
        message = "No suitable key or wrong key type"
        raise _refused("PGRST301", message, details) from None


def _check_times(claims: Mapping[str, Any], now_s: float) -> None:
    for name in ("exp", "nbf", "iat"):
        value = claims.get(name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise _refused("PGRST303", f"The JWT '{name}' claim must be a number")
    if claims.get("exp") is not None and now_s > claims["exp"] + _SKEW_S:
        raise _refused("PGRST303", "JWT expired")
    if claims.get("nbf") is not None and now_s < claims["nbf"] - _SKEW_S:
        raise _refused("PGRST303", "JWT not yet valid")
    if claims.get("iat") is not None and now_s < claims["iat"] - _SKEW_S:
        raise _refused("PGRST303", "JWT issued at future")


def _check_role(schema: Schema, role: str) -> None:
    """The role has to be one that the schema speaks of, and no owner's."""
    if role in _NOT_TO_BE_TAKEN:
        raise DatabaseError("42501", f'permission denied to set role "{role}"')
    named = {name for table in schema.tables for name in table.grants}
    named |= {name for table in schema.tables for p in table.policies for name in p.roles}
    if role not in API_ROLES and role not in named:
        raise DatabaseError("22023", f'role "{role}" does not exist')


def _refused(code: str, message: str, details: str | None = None) -> Refused:
    quoted = re.sub(r'(["\\])', r"\\\1", message)
    challenge = f'Bearer error="invalid_token", error_description="{quoted}"'
    return Refused(401, code, message, details, headers={"www-authenticate": challenge})
