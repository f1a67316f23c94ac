"""The contract of a client under test: four methods, and the ops that they speak."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from typing import Any, Protocol, runtime_checkable

from harness.history import Op

Listener = Callable[[Op], None]


class Client(Protocol):
    """One realtime client as an application would hold it; `style.md` §5.

    Whatever it does is said in ops (`harness.history`). An adapter translates; it never retries,
    repairs or hides: what the application would see is what the history must show.
    """

    async def open(self, url: str, name: str) -> None:
        """Make the client and let it connect; one that there is already is let connect again.

        `url` is the base URL with the API key: `ws://host:port/realtime/v1?apikey=KEY`. `name` is
        the process to sign ops with. An exception is recorded, not fatal: later calls still come.
        """

    async def invoke(self, op: Op) -> Op:
        """Do what `op` asks; return it completed as `ok`, `fail` or `info` (nobody knows).

        * `subscribe`: topic, and `changes` where the channel is to listen to changes of tables: a
          list of event, schema, table. `ok` once the client says that it is joined.
        * `leave`: topic. `ok` once the client says that it has left.
        * `broadcast`: topic, id. Sends event `n` with payload `{"id": id, "sender": name}`; `ok`
          only if the client says that the server took it, `fail` only if it certainly was not sent.
        * `set_token`: token_id, token. The access token for joins from now on.
        """

    def on_event(self, listener: Listener) -> None:
        """Call `listener` with each `joined`, `lost`, `closed` and `received`, as they happen.

        Of a channel that listens to changes also with each `changed`, and with `feed_live`,
        `feed_lost` and `feed_gap` as far as the client says so. `lost` and `closed` mean that the
        feed is lost, too.

        An op with an id is a call that the client's own program has made and says of itself.
        """

    async def close(self) -> None:
        """Stop; nothing is said after it. `open` may come again, even while this goes on: what was
        subscribed may then be joined again or not, so the application says anew what it wants.
        """


class CallbackRaised(Exception):
    """The application's own code failed inside a callback, as a fault has it do."""


@runtime_checkable
class OwnProcess(Protocol):
    """What a client can do besides that is a process of its own."""

    def suspend(self) -> None:
        """Stand still, with its sockets open."""

    def resume(self) -> None:
        """Go on."""

    async def kill(self) -> None:
        """End at once, without a word to anybody."""

    async def meddle(self, f: str, value: Mapping[str, Any]) -> None:
        """`block`: seconds; `slow_callbacks`: seconds; `raise_in_callbacks`: event, count;
        `reenter_callbacks`: event, times (for each callback a list of calls: f, value);
        `clock_jump`: by_s; `clock_drift`: factor; `wall_clock_jump`: by_s.

        Raises `CannotExpress`.
        """


Maker = Callable[[Random], Client]
"""Makes one client; draws whatever it needs from the generator it is given."""
