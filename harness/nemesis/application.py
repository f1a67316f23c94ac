"""Faults of the application that holds the clients: its callbacks, its calls, its tokens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from types import MappingProxyType
from typing import Any

from harness.nemesis.kind import Act, Category, FaultKind, Strike
from harness.nemesis.levers import ApiCall, Application, CannotExpress
from harness.nemesis.parameters import COUNT, DURATION, SECONDS, Parameter, one_of
from harness.nemesis.victims import VICTIMS

ASIDE = "aside"
"""A topic of the races alone; whatever happened there, the application does not want it after."""

HITS = ("hits",)


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

    def mishap(call: Callable[[ApiCall], None]) -> None:
        nonlocal struck
        if struck < strike["count"]:
            struck += 1
            for one in RACES[strike["race"]]:
                call(one)

    strike.count = lambda: struck
    await strike.hold(application(strike).callbacks(strike.victims, strike["event"], mishap))


# Calls.

RACES: Mapping[str, Sequence[ApiCall]] = MappingProxyType(
    {
        "leave_subscribe": (ApiCall("leave"), ApiCall("subscribe")),
        "subscribe_leave": (ApiCall("subscribe", ASIDE), ApiCall("leave", ASIDE)),
        "subscribe_leave_twice": (
            ApiCall("subscribe", ASIDE),
            ApiCall("leave", ASIDE),
            ApiCall("subscribe", ASIDE),
            ApiCall("leave", ASIDE),
        ),
        "token_while_joining": (
            ApiCall("leave"),
            ApiCall("subscribe"),
            ApiCall("set_token"),
        ),
        "broadcast_while_joining": (
            ApiCall("subscribe", ASIDE),
            ApiCall("broadcast", ASIDE),
            ApiCall("leave", ASIDE),
        ),
    }
)
"""Calls that an application makes in one tick, by name; each ends as it began, for the topics of
the workload."""


async def _call_race(strike: Strike) -> None:
    application(strike).race(strike.victims, RACES[strike["race"]])
    strike.count = lambda: 1


async def _cancelled_call(strike: Strike) -> None:
    """A cancelled subscribe is followed by a leave: the application has changed its mind."""
    after_s = strike["cancel_after_s"]
    calls = {
        "subscribe": (ApiCall("subscribe", ASIDE, after_s), ApiCall("leave", ASIDE)),
        "broadcast": (ApiCall("broadcast", None, after_s),),
        "leave": (
            ApiCall("subscribe", ASIDE),
            ApiCall("leave", ASIDE, after_s),
        ),
    }
    application(strike).race(strike.victims, calls[strike["call"]])
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
    "event", one_of("received", "joined", "lost"), "received", "in the callback of which event"
)
_COUNT = Parameter("count", COUNT, None, "no more than so often, for each client")
_RACE = Parameter("race", one_of(*RACES), "leave_subscribe", "which calls, in one tick")
_LIFETIME = Parameter("lifetime_s", DURATION, 10.0, "how long each token lives", "seconds")


def _kind(
    name: str, category: Category, meaning: str, act: Act, *own: Parameter, lasts: bool = True
) -> FaultKind:
    return FaultKind(
        name=name,
        meaning=meaning,
        category=category,
        act=act,
        lasts=lasts,
        parameters=(*own, *VICTIMS),
        felt_by=HITS,
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
        "the application's callback calls the client that is calling it",
        _callback_reenters,
        _EVENT,
        _RACE,
        Parameter("count", COUNT, 3, "no more than so often"),
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
        "the application makes several calls in one tick",
        _call_race,
        _RACE,
        lasts=False,
    ),
    _kind(
        "cancelled_call",
        "api",
        "the application cancels a call that is under way",
        _cancelled_call,
        Parameter("call", one_of("subscribe", "broadcast", "leave"), "subscribe", "which call"),
        Parameter("cancel_after_s", SECONDS, 0.0, "how long it may run", "seconds"),
        lasts=False,
    ),
)
"""The faults of the application, in the order in which they are listed."""
