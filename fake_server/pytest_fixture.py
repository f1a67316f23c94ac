"""The pytest fixture `fake_server`: a Supabase Realtime of one's own for each test.

    def test_my_app(fake_server):
        fake_server.pull("late", delay_s=3, answers="phx_join")
        client = create_client(fake_server.http_url, fake_server.apikey)

It runs on a thread of its own, so tests may be plain functions or use any event loop. Whoever needs
other settings overrides the fixture `fake_server_config`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from fake_server.config import ServerConfig
from fake_server.in_thread import ServerInThread


@pytest.fixture
def fake_server_config() -> ServerConfig | Sequence[ServerConfig] | None:
    """The settings of the fixture `fake_server`, one for each tenant; None is the defaults."""
    return None


@pytest.fixture
def fake_server(
    fake_server_config: ServerConfig | Sequence[ServerConfig] | None,
) -> Iterator[ServerInThread]:
    """A fake Supabase Realtime server on a free loopback port, with levers and ground truth."""
    with ServerInThread(fake_server_config) as server:
        yield server
