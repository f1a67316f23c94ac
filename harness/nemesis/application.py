"""Faults of the application that holds the clients: its callbacks, its calls, its tokens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from harness.nemesis.kind import Act, Category, FaultKind, Strike
from harness.nemesis.levers import Application, CannotExpress
from harness.nemesis.pairs import APART, CANCELLED, PAIR, cancelled, pair, pair_rule, race
from harness.nemesis.parameters import COUNT, DURATION, SECONDS, Parameter, one_of, whole
from harness.nemesis.victims import VICTIMS

HITS = ("hits",)
REENTERS_MAX = 1000


def application(strike: Strike) -> Application:
    """Who holds the clients. Raises `CannotExpress` where nobody does."""
    if strike.levers.application is None:
        raise CannotExpress("nobody holds clients here")
    return strike.levers.application


# Callbacks.


async def _callback_raises(strike: Strike) -> None:
    struck = 0

    def count() -> None:
        nonlocal struck
        struck += 1

    strike.count = lambda: struck
    holder, victims = application(strike), strike.victims
    await strike.hold(holder.raising_callbacks(victims, strike["event"], strike["count"], count))


async def _callback_reenters(strike: Strike) -> None:
    struck = 0

    def count() -> None:
        nonlocal struck
        struck += 1

    strike.count = lambda: struck
    reentering = application(strike).reentering_callbacks
    event, calls = strike["event"], pair(strike.values)
    await strike.hold(reentering(strike.victims, event, strike["count"], calls, count))


# Calls.


async def _call_race(strike: Strike) -> None:
    application(strike).race(strike.victims, race(strike.values, strike.rng))
    strike.count = lambda: 1


async def _cancelled_call(strike: Strike) -> None:
    application(strike).race(strike.victims, cancelled(strike.values))
    strike.count = lambda: 1


# Tokens.


async def _token_expires(strike: Strike) -> None:
    holder, victims = application(strike), strike.victims
    holder.set_token(victims, strike["lifetime_s"])
    strike.count = lambda: 1
    strike.healing.callback(holder.set_token, victims, LASTING_S)


async def _token_rotates(strike: Strike) -> None:
    rotated = 0

    async def rotate() -> None:
        nonlocal rotated
        while True:
            application(strike).set_token(strike.victims, LASTING_S)
            rotated += 1
            await asyncio.sleep(strike["every_s"])

    strike.count = lambda: rotated
    application(strike)
    await strike.hold(_running(rotate()))


async def _token_provider_fails(strike: Strike) -> None:
    """Asked at half of a token's life and again and again, the provider has nothing to give."""
    await _renewals(strike, delay_s=None)


async def _token_provider_slow(strike: Strike) -> None:
    await _renewals(strike, delay_s=strike["delay_s"])


async def _renewals(strike: Strike, delay_s: float | None) -> None:
    """Tokens that live shortly, and a provider that is asked for the next at half of their life."""
    holder, victims, lifetime_s = application(strike), strike.victims, strike["lifetime_s"]
    asked = 0

    async def renew() -> None:
        nonlocal asked
        while True:
            await asyncio.sleep(lifetime_s / 2)
            asked += 1
            if delay_s is not None:
                await asyncio.sleep(delay_s)
                holder.set_token(victims, lifetime_s)

    strike.count = lambda: asked
    holder.set_token(victims, lifetime_s)
    strike.healing.callback(holder.set_token, victims, LASTING_S)
    await strike.hold(_running(renew()))


LASTING_S = 3600.0
"""The life of the token that ends the trouble."""


@asynccontextmanager
async def _running(story: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    task = asyncio.create_task(story)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


_EVENT = Parameter(
    "event",
    one_of("received", "joined", "lost", "changed", "feed_live", "feed_lost"),
    "received",
    "in the callback of which event",
)
_COUNT = Parameter("count", COUNT, None, "no more than so often, for each client")
_LIFETIME = Parameter("lifetime_s", DURATION, 10.0, "how long each token lives", "seconds")


def _kind(
    name: str, category: Category, meaning: str, act: Act, *own: Parameter, **more: Any
) -> FaultKind:
    more = {"lasts": True, **more}
    return FaultKind(
        name=name,
        meaning=meaning,
        category=category,
        act=act,
        parameters=(*own, *VICTIMS),
        felt_by=HITS,
        **more,
    )


APPLICATION: tuple[FaultKind, ...] = (
    _kind(
        "callback_raises",
        "code",
        "the application's callback raises",
        _callback_raises,
        _EVENT,
        _COUNT,
    ),
    _kind(
        "callback_reenters",
        "code",
        "the application's callback makes two calls of the client that is calling it",
        _callback_reenters,
        _EVENT,
        *PAIR,
        Parameter("count", whole(1, REENTERS_MAX), 3, "no more than so often, for each client"),
        rule=pair_rule,
    ),
    _kind(
        "token_expires",
        "token",
        "the access token expires, and no other is there before the heal",
        _token_expires,
        _LIFETIME,
    ),
    _kind(
        "token_rotates",
        "token",
        "the application gives its client another access token, again and again",
        _token_rotates,
        Parameter("every_s", DURATION, 5.0, "between two tokens", "seconds"),
    ),
    _kind(
        "token_provider_fails",
        "token",
        "tokens live shortly, and who is asked for the next has none to give",
        _token_provider_fails,
        _LIFETIME,
    ),
    _kind(
        "token_provider_slow",
        "token",
        "tokens live shortly, and the next one comes late",
        _token_provider_slow,
        _LIFETIME,
        Parameter("delay_s", SECONDS, 8.0, "how long the provider takes", "seconds"),
    ),
    _kind(
        "call_race",
        "api",
        "the application makes a call while another is under way, and then wants what it wanted "
        "before",
        _call_race,
        *PAIR,
        *APART,
        lasts=False,
    ),
    _kind(
        "cancelled_call",
        "api",
        "the application cancels a call that is under way (a cancelled `leave` or `close` is "
        "made again), and then wants what it wanted before",
        _cancelled_call,
        *CANCELLED,
        lasts=False,
    ),
)
"""The faults of the application, in the order in which they are listed."""
