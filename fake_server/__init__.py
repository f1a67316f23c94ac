"""A server that behaves on the wire as Supabase Realtime 2.129.8 does, and breaks on request.

Here now: connecting in both versions, joining and leaving, heartbeats, broadcasts with `self` and
`ack` as text and binary, access tokens and their expiry, the idle close, the recorded refusals
with their delays, Presence, private channels by row policies on messages, Postgres Changes with
their worker, publication and column rights, database broadcasts and replay from a database of its
own that answers as PostgreSQL 15 was recorded to, several tenants on one port with their
limits, plans and changes, the ends of a server, broadcasts over HTTP, sign-in as GoTrue answers it,
the tables as PostgREST answers (`/rest/v1`, `docs/rest.md`), long polling, and the levers of
`fake_server.levers`, from Python, over HTTP and as a pytest fixture.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fake_server.config import ServerConfig
    from fake_server.server import FakeServer
else:
    _HOMES = {"FakeServer": "fake_server.server", "ServerConfig": "fake_server.config"}

    # At first use: pytest imports this package for its fixture, also where what the server needs
    # is not installed.
    def __getattr__(name):
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(_HOMES[name]), name)


__all__ = ["FakeServer", "ServerConfig"]
