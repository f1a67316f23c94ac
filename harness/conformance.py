"""The conformance kit: whether a client adapter keeps the client contract, before any storm."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from harness.clients.contract import Client, Maker
from harness.clients.vocabulary import complaint
from harness.history import Op
from harness.process import words
from harness.workloads import Changes
from harness.worlds.world import Env, World

CALL_WITHIN_S = 15.0
HEAR_WITHIN_S = 3.0
LIVE_WITHIN_S = 5.0
"""A server that sleeps takes 2 to 2.5 s to tell of changes (`protocol.md` §3.5)."""
TOPIC = "conformance"
FEED = "conformance-changes"


class NotConforming(AssertionError):
    """What is wrong with an adapter: every problem found, a line each."""


def check_client(
    maker: Maker, world: World, *, seed: int = 1, changes_of: str | None = None
) -> None:
    """Run the contract of `harness.clients.contract.Client` against one client, without faults.

    `changes_of` is a table of the server's, as `harness.workloads.Changes` takes it, whose changes
    the client must hear of as well. Passes silently or raises `NotConforming` with all problems at
    once, as trio's stream checks and Jepsen's client validation do. Whatever the client breaks
    here, no storm could judge.
    """
    truth: list[tuple[str, Mapping[str, Any]]] = []

    def narrate(process: str, f: str, value: Mapping[str, Any]) -> None:
        if process == "server":
            truth.append((f, value))

    async def story(env: Env) -> list[str]:
        check = _Check(env, env.client("conformance", maker), truth, changes_of)
        await check.run()
        return check.problems

    problems = world.play(story, seed, narrate)
    if problems:
        raise NotConforming("the client breaks the contract:\n- " + "\n- ".join(problems))


class _Check:
    def __init__(
        self,
        env: Env,
        client: Client,
        truth: list[tuple[str, Mapping[str, Any]]],
        changes_of: str | None,
    ) -> None:
        self._env = env
        self._client = client
        self._truth = truth
        self._changes_of = changes_of
        self._events: list[Op] = []
        self.problems: list[str] = []
        client.on_event(self._events.append)

    async def run(self) -> None:
        await self._opens()
        await self._subscribes()
        await self._hears()
        await self._broadcasts()
        await self._takes_a_token()
        if self._changes_of is not None:
            await self._listens(self._changes_of)
        await self._leaves()
        await self._reopens()
        await self._closes()
        said = [complaint(op, "conformance") for op in self._events if op.process == "conformance"]
        self.problems += dict.fromkeys(filter(None, said))

    def _expect(self, holds: bool, rule: str) -> None:
        if not holds:
            self.problems.append(rule)

    async def _opens(self) -> None:
        try:
            async with asyncio.timeout(CALL_WITHIN_S):
                url = self._env.url_for(self._client, "conformance")
                await self._client.open(url, "conformance")
        except Exception as error:
            self.problems.append(f"open() raised {type(error).__name__} on a healthy server")

    async def _invoke(self, f: str, **value: Any) -> Op | None:
        op = Op(process="conformance", type="invoke", f=f, value=value, id=len(self._events))
        try:
            async with asyncio.timeout(CALL_WITHIN_S):
                done = await self._client.invoke(op)
        except TimeoutError:
            self.problems.append(f"invoke({f}) gave no answer within {CALL_WITHIN_S:g} s")
        except Exception as error:
            self.problems.append(f"invoke({f}) raised {words(error)}")
        else:
            if not isinstance(done, Op):
                self.problems.append(f"invoke({f}) returned a {type(done).__name__}, not an Op")
                return None
            same = replace(done, type=op.type, error=op.error) == op
            self._expect(same, f"invoke({f}) must return the same op, only type and error changed")
            self._expect(
                done.type == "ok", f"invoke({f}) on a healthy server is {done.type}, not ok"
            )
            return done
        return None

    async def _subscribes(self) -> None:
        await self._invoke("subscribe", topic=TOPIC)
        self._expect(self._seen("joined", topic=TOPIC), "no `joined` event came with the subscribe")
        self._expect(len(self._members()) == 1, "the server holds no join after an ok subscribe")

    async def _hears(self) -> None:
        for number in (1, 2, 3):
            self._env.levers.server.publish(TOPIC, "n", {"id": number, "sender": "source"})
        await asyncio.sleep(HEAR_WITHIN_S)
        heard = [op.value.get("id") for op in self._events if op.f == "received"]
        self._expect(heard == [1, 2, 3], f"`received` events were {heard}, published was [1, 2, 3]")
        for op in self._events:
            self._expect(op.process == "conformance", f"a {op.f} event is signed {op.process!r}")
            self._expect(op.value.get("topic") == TOPIC, f"a {op.f} event names another topic")

    async def _broadcasts(self) -> None:
        await self._invoke("broadcast", topic=TOPIC, id=77)
        sent = [value for f, value in self._truth if f == "frame" and value.get("id") == 77]
        self._expect(
            len(sent) == 1, f"an ok broadcast reached the server {len(sent)} times, not once"
        )

    async def _takes_a_token(self) -> None:
        token = self._env.levers.server.token("conformance", "second")
        await self._invoke("set_token", token_id="second", token=token)

    async def _listens(self, table: str) -> None:
        asked = Changes(table=table).changes()
        await self._invoke("subscribe", topic=FEED, changes=asked)
        await asyncio.sleep(LIVE_WITHIN_S)
        self._expect(
            self._seen("feed_live", topic=FEED), "no `feed_live` event came of a healthy feed"
        )
        for number in (1, 2, 3):
            self._env.levers.server.insert(table, {"id": number})
        await asyncio.sleep(HEAR_WITHIN_S)
        told = [op.value.get("id") for op in self._events if op.f == "changed"]
        self._expect(told == [1, 2, 3], f"`changed` events were {told}, inserted was [1, 2, 3]")
        for f in ("feed_lost", "feed_gap"):
            self._expect(not self._seen(f), f"a `{f}` event came of a healthy feed")
        await self._invoke("leave", topic=FEED)

    async def _leaves(self) -> None:
        await self._invoke("leave", topic=TOPIC)
        await asyncio.sleep(HEAR_WITHIN_S)
        self._expect(self._members() == [], "the server still holds the join after an ok leave")
        before = len(self._events)
        self._env.levers.server.publish(TOPIC, "n", {"id": 4, "sender": "source"})
        await asyncio.sleep(HEAR_WITHIN_S)
        late = [op.f for op in self._events[before:]]
        self._expect("received" not in late, "a message was received after the leave")

    async def _reopens(self) -> None:
        """As an application does that is put to sleep and woken."""
        came = self._times("handshake")
        with suppress(Exception):  # What is wrong with a close is said when it closes for good.
            async with asyncio.timeout(CALL_WITHIN_S):
                await self._client.close()
        await self._opens()
        await asyncio.sleep(HEAR_WITHIN_S)
        self._expect(
            self._times("handshake") == came + 1, "an open after a close does not connect once"
        )

    async def _closes(self) -> None:
        for time in ("first", "second"):
            try:
                async with asyncio.timeout(CALL_WITHIN_S):
                    await self._client.close()
            except Exception as error:
                self.problems.append(f"the {time} close() raised {words(error)}")
        await asyncio.sleep(HEAR_WITHIN_S)
        gone = self._times("disconnect") == self._times("handshake")
        self._expect(gone, "a connection outlives close()")

    def _seen(self, f: str, **value: Any) -> bool:
        return any(
            op.f == f and all(op.value.get(key) == one for key, one in value.items())
            for op in self._events
        )

    def _times(self, f: str) -> int:
        return sum(one == f for one, _ in self._truth)

    def _members(self) -> list[dict[str, Any]]:
        return [one for one in self._env.levers.server.membership() if one["topic"] == TOPIC]
