"""The users of a project, and how they sign in."""

from __future__ import annotations

import uuid
from dataclasses import fields
from typing import Any

from fake_server.database import User
from fake_server.schema.node import Node
from fake_server.sign_in import SignIn


def read_users(node: Node) -> tuple[User, ...]:
    """The users, no two alike. Raises `SchemaError`."""
    users = tuple(_user(user) for user in node.list("users"))
    for index, user in enumerate(users):
        earlier = users[:index]
        if any(user.id == other.id for other in earlier):
            raise node.error(f"two users have the id {user.id}", "users", index, "id")
        # Emails are compared without case, as whoever signs in may write them.
        if user.email and any(user.email.lower() == (each.email or "").lower() for each in earlier):
            raise node.error(f"two users have the email {user.email}", "users", index, "email")
    return users


def _user(node: Node) -> User:
    node.allow("id", "email", "password", "role", "app_metadata", "user_metadata", "confirmed")
    given = node.need("id", str)
    try:
        user_id = str(uuid.UUID(given))
    except ValueError:
        raise node.error(f"{given!r} is no UUID", "id") from None
    return User(
        id=user_id,
        email=node.get("email", str),
        password=node.get("password", str),
        role=node.get("role", str, "authenticated"),
        app_metadata=node.get("app_metadata", dict, {}),
        user_metadata=node.get("user_metadata", dict, {}),
        confirmed=node.get("confirmed", bool, True),
    )


def read_sign_in(node: Node) -> SignIn:
    """The settings of sign-in, each tried. Raises `SchemaError`."""
    known = {setting.name: setting for setting in fields(SignIn)}
    node.allow(*known)
    rates = node.table("rate_limits")
    read: dict[str, Any] = {"rate_limits": {name: rates.get(name, int) for name in rates.values}}
    for name in node.values:
        if name == "redirect_urls":
            read[name] = node.strings(name)
        elif name != "rate_limits":
            read[name] = node.get(name, type(known[name].default))
    limits = [(rates, name, {"rate_limits": {name: rates.get(name, int)}}) for name in rates.values]
    for place, name, setting in [*limits, *((node, name, {name: read[name]}) for name in read)]:
        try:
            SignIn(**setting)
        except ValueError as error:
            raise place.error(str(error), name) from None
    return SignIn(**read)
