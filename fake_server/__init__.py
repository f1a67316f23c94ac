"""A server that behaves on the wire as Supabase Realtime 2.129.8 does, and breaks on request.

Here now: connecting in both versions, joining and leaving, heartbeats, broadcasts with `self` and
`ack` as text and binary, access tokens and their expiry, the idle close, the recorded refusals
with their delays, Presence, private channels by row policies on messages, the limits, plans and
changes of a tenant, the ends of a server, and the levers of `FakeServer`. Not here yet: the tables behind Postgres Changes (every subscription is answered as by
an empty publication), the REST API, long polling, and replay.
"""

from fake_server.config import ServerConfig
from fake_server.server import FakeServer

__all__ = ["FakeServer", "ServerConfig"]
