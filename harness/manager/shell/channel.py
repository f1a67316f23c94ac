"""A channel as the application holds it: join, send, leave."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from typing import Any

from harness.manager.channel_core import ChannelCore
from harness.manager.errors import (
    ChannelUnsubscribed,
    FeedTimedOut,
    InvalidSetting,
    JoinTimedOut,
    ManagerClosed,
)
from harness.manager.sends import Outgoing, SendResult, outgoing
from harness.manager.shell.driver import Driver
from harness.manager.states import ChannelState, FeedState, State


class Channel:
    """The wish to be joined to one topic, made by `ConnectionManager.subscribe`.

    It is fulfilled, and fulfilled again after each loss, until `unsubscribe`.
    """

    def __init__(self, core: ChannelCore, driver: Driver) -> None:
        self._core = core
        self._driver = driver

    def __repr__(self) -> str:
        """Topic and state."""
        return f"<Channel {self.topic!r} {self.state.value}>"

    @property
    def topic(self) -> str:
        """Without the `realtime:` prefix."""
        return self._core.topic

    @property
    def state(self) -> ChannelState:
        """What the channel is doing now."""
        return self._core.state

    async def joined(self, *, timeout_s: float = 10.0) -> None:
        """Return once the channel is joined; at once if it is.

        Raises `JoinTimedOut` after `timeout_s` seconds (the manager goes on trying),
        `ManagerClosed` if the manager is not running, `ChannelUnsubscribed` after `unsubscribe`.
        """
        if not await self._comes_true(self._is_joined, timeout_s):
            raise JoinTimedOut(
                f"channel {self.topic!r} did not join within {timeout_s:g} s: {self._core.reason}"
            )

    @property
    def feed(self) -> FeedState:
        """What is known of its feed of changes now."""
        return self._core.feed.state

    async def feed_live(self, *, timeout_s: float = 30.0) -> None:
        """Return once changes are delivered; at once if they are.

        That is later than `joined`: read the table after this, and nothing falls between. Raises
        `FeedTimedOut` after `timeout_s` seconds (the manager goes on trying), `InvalidSetting` for
        a channel that asked for no changes, and what `joined` raises.
        """
        if not self._core.listens:
            raise InvalidSetting(f"channel {self.topic!r} asked for no changes: config.changes")
        if not await self._comes_true(self._is_live, timeout_s):
            raise FeedTimedOut(
                f"channel {self.topic!r} heard of no changes within {timeout_s:g} s: "
                f"{self._core.feed.reason}"
            )

    async def broadcast(self, event: str, payload: Any, *, timeout_s: float = 10.0) -> SendResult:
        """Send a broadcast, and say how it ended.

        `payload` is a JSON value, or bytes. While the channel is not joined the message waits, in
        order and within the bounds of `Config`. Returns within `timeout_s` seconds. Raises
        `InvalidSetting` for what no frame can carry. See `SendResult` for the outcomes.
        """
        if not 0 < timeout_s < math.inf:
            raise InvalidSetting(f"timeout_s={timeout_s} must be a finite number above 0")
        message = outgoing(event, payload)
        message.expires_s = self._driver.now_s + timeout_s
        try:
            return await self._driver.send(self._send, message)
        except asyncio.CancelledError:
            self._core.outbox.withdraw(message)
            raise

    async def unsubscribe(self) -> None:
        """Give the channel up: no callback from now on, and nothing left on the server after.

        Returns when the server has confirmed, within `leave_timeout_s`. May be called at any time,
        during a join or offline, and more than once.
        """
        self._driver.silence(self._core.number)
        self._driver.act(self._driver.core.unsubscribe, self._core, self._driver.now_s)
        while self.state is not ChannelState.GONE:
            await self._driver.changed()

    async def _comes_true(self, holds: Callable[[], bool], within_s: float) -> bool:
        try:
            async with asyncio.timeout(within_s):
                while not holds():
                    await self._driver.changed()
        except TimeoutError:
            return False
        return True

    def _is_live(self) -> bool:
        return self._is_joined() and self.feed is FeedState.LIVE

    def _send(self, message: Outgoing) -> None:
        self._driver.core.broadcast(self._core, message)

    def _is_joined(self) -> bool:
        if self.state in (ChannelState.LEAVING, ChannelState.GONE):
            raise ChannelUnsubscribed(f"channel {self.topic!r} was unsubscribed")
        if self._driver.core.state is State.STOPPED:
            raise ManagerClosed("the manager is not running: start it, or enter it with async with")
        return self.state is ChannelState.JOINED
