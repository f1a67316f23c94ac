"""A channel as the application holds it: join, send, leave."""

from __future__ import annotations

import asyncio
import math
from typing import Any

from harness.manager.channel_core import ChannelCore
from harness.manager.errors import ChannelUnsubscribed, InvalidSetting, JoinTimedOut, ManagerClosed
from harness.manager.sends import Outgoing, SendResult, outgoing
from harness.manager.shell.driver import Driver
from harness.manager.states import ChannelState, State


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
        try:
            async with asyncio.timeout(timeout_s):
                while not self._is_joined():
                    await self._driver.changed()
        except TimeoutError:
            raise JoinTimedOut(
                f"channel {self.topic!r} did not join within {timeout_s:g} s: {self._core.reason}"
            ) from None

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

    def _send(self, message: Outgoing) -> None:
        self._driver.core.broadcast(self._core, message)

    def _is_joined(self) -> bool:
        if self.state in (ChannelState.LEAVING, ChannelState.GONE):
            raise ChannelUnsubscribed(f"channel {self.topic!r} was unsubscribed")
        if self._driver.core.state is State.STOPPED:
            raise ManagerClosed("the manager is not running: start it, or enter it with async with")
        return self.state is ChannelState.JOINED
