"""The connection manager: one connection to Supabase Realtime that stays, and its channels."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from types import TracebackType
from typing import Self

from harness.manager.config import ChannelConfig, Config
from harness.manager.core import ConnectionCore
from harness.manager.effects import Deliver, DeliverChange
from harness.manager.errors import InvalidSetting
from harness.manager.events import Event
from harness.manager.shell.channel import Channel
from harness.manager.shell.dial import socket_url
from harness.manager.shell.driver import Driver, OnEvent
from harness.manager.shell.inbox import OnBroadcast, OnChange
from harness.manager.states import State
from harness.manager.stats import Stats


def _ignore(event: Event) -> None:
    """Nobody listens."""


def _check_heard(on_change: OnChange | None, config: ChannelConfig) -> None:
    if on_change is not None and not config.changes:
        raise InvalidSetting(
            "on_change without changes is never called: "
            "give config=ChannelConfig(changes=[ChangeBinding(table=...)]) too"
        )
    if on_change is None and config.changes:
        raise InvalidSetting(
            f"changes={[*config.changes]} without on_change are heard by nobody: give on_change too"
        )


class ConnectionManager:
    """Keeps one connection to Supabase Realtime, and the channels that are wanted on it.

    `url` is the base URL, such as `wss://<project>.supabase.co/realtime/v1`. `apikey` opens the
    connection; `token` is the user's access token, which joins carry. `rng` draws the jitter: give
    one with a fixed seed to replay a run. `on_event` is called in order, from the loop, with each
    `Event`. Raises `InvalidSetting` for a URL or key that cannot work.
    """

    core_type: type[ConnectionCore] = ConnectionCore

    def __init__(
        self,
        url: str,
        *,
        apikey: str,
        token: str | None = None,
        config: Config | None = None,
        rng: Random | None = None,
        on_event: OnEvent | None = None,
    ) -> None:
        if not apikey or not isinstance(apikey, str):
            raise InvalidSetting("apikey must be a string that is not empty")
        config = config or Config()
        core = self.core_type(config=config, rng=rng or Random(), token=None)
        if token is not None:
            core.set_token(token)
        self._driver = Driver(core, socket_url(url, apikey), config, on_event or _ignore)

    def __repr__(self) -> str:
        """The state, and no key or token."""
        return f"<ConnectionManager {self.state.value}>"

    @property
    def state(self) -> State:
        """What the connection is doing now."""
        return self._driver.core.state

    @property
    def stats(self) -> Stats:
        """A copy of the counters."""
        return replace(self._driver.core.stats)

    async def start(self) -> None:
        """Begin to connect, and return at once; nothing happens if it runs already."""
        await self._driver.start()

    async def close(self) -> None:
        """Stop, within a second even on a dead link; leaves no task and no timer.

        Broadcasts without a result get one. Subscriptions stay: `start` takes them up again.
        """
        await self._driver.stop()

    async def __aenter__(self) -> Self:
        """Start."""
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close."""
        await self.close()

    def subscribe(
        self,
        topic: str,
        on_broadcast: OnBroadcast | None = None,
        *,
        on_change: OnChange | None = None,
        config: ChannelConfig | None = None,
    ) -> Channel:
        """Want a channel from now on, connected or not; `await channel.joined()` to wait for it.

        `topic` comes without the `realtime:` prefix. `on_broadcast(event, payload)` is called in
        order, and awaited if it returns something awaitable; so is `on_change(change)`, with the
        changes of tables that `config.changes` asks for: see `Channel.feed_live`. Raises
        `AlreadySubscribed` for a topic that is wanted already, `InvalidSetting` for one that cannot
        be, and where one of `on_change` and `config.changes` comes without the other: changes that
        nobody asked for never come, and those that nobody hears cost the server and are lost.
        """
        driver = self._driver
        config = config or ChannelConfig()
        _check_heard(on_change, config)
        core = driver.core.subscribe(topic, config)
        driver.listen(core.number, topic, Deliver, on_broadcast)
        driver.listen(core.number, topic, DeliverChange, on_change)
        if self.state is not State.STOPPED:
            driver.act(driver.core.timer, driver.now_s)
        return Channel(core, driver)

    def set_token(self, token: str) -> None:
        """Use a new access token: joined channels give it to the server at once, joins carry it.

        It is kept out of every log, event and repr. Raises `InvalidSetting` for an empty one.
        """
        self._driver.act(self._driver.core.set_token, token)
