"""What each toxic and lever does at the socket, by its law (`toxiproxy.md` §2)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import get_args

from harness.nemesis import Stream
from harness.parity.stage import HIT, PATIENCE_S, SILENCE_S, Stage

Effect = Callable[[Stage], Awaitable[None]]

BOTH: tuple[Stream, ...] = get_args(Stream)


def other(stream: Stream) -> Stream:
    """The opposite direction."""
    return "downstream" if stream == "upstream" else "upstream"


async def nothing(stage: Stage) -> None:
    """Without a fault bytes pass at once, and the end of one side reaches the other."""
    pair = await stage.dial()
    for stream in BOTH:
        stage.lasts(await stage.travel(pair, stream, 50_000), 0.0, f"nothing, {stream}: 50 kB")
    pair.client[1].close()
    how, size, _ = await stage.end(pair.server[0])
    stage.expect((how, size) == ("FIN", 0), f"nothing: a closed client was {how} to the server")


async def latency(stage: Stage) -> None:
    """Each piece comes late by the time given, in one direction, until the toxic is removed."""
    for stream in BOTH:
        pair = await stage.dial()
        spared = await stage.dial("spared")
        async with stage.network.toxic(HIT, stream, "latency", {"latency": 300, "jitter": 0}):
            stage.lasts(await stage.travel(pair, stream), 0.3, f"latency 300, {stream}")
            opposite = await stage.travel(pair, other(stream))
            stage.lasts(opposite, 0.0, f"latency 300, against {stream}")
            stage.lasts(await stage.travel(spared, stream), 0.0, "latency 300, who is spared")
        stage.lasts(await stage.travel(pair, stream), 0.0, f"latency 300, {stream}, healed")


async def removed_latency(stage: Stage) -> None:
    """Removing a latency lets go what it holds, in order and whole."""
    pair = await stage.dial()
    async with stage.network.toxic(HIT, "downstream", "latency", {"latency": 60_000}):
        for number in range(3):
            pair.server[1].write(bytes([number]) * 100)
            await asyncio.sleep(0.05)
    began_s = stage.now_s()
    async with asyncio.timeout(PATIENCE_S):
        got = await pair.client[0].readexactly(300)
    stage.lasts(stage.now_s() - began_s, 0.0, "latency 60000, removed")
    whole = b"".join(bytes([number]) * 100 for number in range(3))
    stage.expect(got == whole, "latency removed: bytes were lost or reordered")


async def jitter(stage: Stage) -> None:
    """Each piece is early or late by no more than the jitter, and none overtakes another."""
    pair = await stage.dial()
    async with stage.network.toxic(HIT, "downstream", "latency", {"latency": 200, "jitter": 150}):
        took_s = [await stage.travel(pair, "downstream") for _ in range(6)]
        for one in took_s:
            stage.lasts(max(one, 0.05), min(max(one, 0.05), 0.35), "latency 200±150")
        stage.expect(max(took_s) - min(took_s) > 0.01, "latency 200±150: all pieces alike")
        sent = b"".join(bytes([number]) * 50 for number in range(20))
        for number in range(20):
            pair.server[1].write(bytes([number]) * 50)
            await asyncio.sleep(0.01)
        async with asyncio.timeout(PATIENCE_S):
            got = await pair.client[0].readexactly(len(sent))
        stage.expect(got == sent, "latency 200±150: pieces overtook each other")


async def bandwidth(stage: Stage) -> None:
    """Bytes come at the rate, a kilobyte being a thousand."""
    for stream in BOTH:
        pair = await stage.dial()
        async with stage.network.toxic(HIT, stream, "bandwidth", {"rate": 100}):
            took_s = await stage.travel(pair, stream, 50_000)
            stage.lasts(took_s, 0.5, f"bandwidth 100, {stream}: 50 kB")


async def slicer(stage: Stage) -> None:
    """1,024 bytes by 64 are 16 pieces, and each but the first waits for the one before it."""
    pair = await stage.dial()
    asked = {"average_size": 64, "size_variation": 0, "delay": 20_000}
    async with stage.network.toxic(HIT, "downstream", "slicer", asked):
        stage.lasts(await stage.travel(pair, "downstream", 1024), 0.3, "slicer 64/20000: 1024 B")


async def limit_data(stage: Stage) -> None:
    """So many bytes pass, then the connection is closed."""
    pair = await stage.dial()
    async with stage.network.toxic(HIT, "downstream", "limit_data", {"bytes": 1000}):
        pair.server[1].write(bytes(5000))
        how, size, _ = await stage.end(pair.client[0], PATIENCE_S)
        stage.expect(
            (how, size) == ("FIN", 1000), f"limit_data 1000: {how} after {size} bytes, not FIN"
        )


async def slow_close(stage: Stage) -> None:
    """The end of one side reaches the other late, behind all bytes."""
    pair = await stage.dial()
    async with stage.network.toxic(HIT, "downstream", "slow_close", {"delay": 400}):
        pair.server[1].write(b"ok")
        pair.server[1].close()
        how, size, took_s = await stage.end(pair.client[0], PATIENCE_S)
        stage.expect((how, size) == ("FIN", 2), f"slow_close 400: {how} after {size} bytes")
        stage.lasts(took_s, 0.4, "slow_close 400: the end")


async def timeout(stage: Stage) -> None:
    """Nothing passes, and a connection that is idle for so long is closed to both sides."""
    pair = await stage.dial()
    async with stage.network.toxic(HIT, "downstream", "timeout", {"timeout": 400}):
        pair.server[1].write(bytes(100))
        how, size, took_s = await stage.end(pair.client[0], PATIENCE_S)
        stage.expect((how, size) == ("FIN", 0), f"timeout 400: {how} after {size} bytes")
        stage.lasts(took_s, 0.4, "timeout 400: the end")


async def reset_peer(stage: Stage) -> None:
    """A new connection is reset at its first data, which is dropped; an idle one lives on."""
    async with stage.network.toxic(HIT, "downstream", "reset_peer", {"timeout": 0}):
        pair = await stage.dial()
        how, _, _ = await stage.end(pair.client[0])
        stage.expect(how == "silence", f"reset_peer 0: {how} without any data")
        pair.server[1].write(bytes(100))
        how, size, _ = await stage.end(pair.client[0], PATIENCE_S)
        stage.expect((how, size) == ("RST", 0), f"reset_peer 0: {how} after {size} bytes, not RST")


async def hole(stage: Stage) -> None:
    """Nothing passes in the directions named and nobody is told; the starved are closed at last."""
    for up, down in ((True, True), (True, False), (False, True)):
        pair, spared = await stage.dial(), await stage.dial("spared")
        holds = {"upstream": up, "downstream": down}
        ways = f"hole up={up} down={down}"
        async with stage.network.hole(HIT, up=up, down=down):
            for stream in BOTH:
                writer, reader = pair.ends(stream)
                writer.write(bytes(100))
                how, size, _ = await stage.end(reader)
                passed = 0 if holds[stream] else 100
                said = f"{ways}: {size} bytes went {stream}, then {how}"
                stage.expect((how, size) == ("silence", passed), said)
            stage.lasts(await stage.travel(spared, "downstream"), 0.0, f"{ways}, who is spared")
        how, size, _ = await stage.end(pair.client[0], PATIENCE_S)
        stage.expect(how != "silence", f"{ways}: a starved connection outlives the heal")
        stage.expect(size == 0, f"{ways}: {size} bytes came after the heal")
        pair = await stage.dial()
        stage.lasts(await stage.travel(pair, "downstream"), 0.0, f"{ways}, healed")


async def refuse(stage: Stage) -> None:
    """Live connections end, connects are refused, until it is healed."""
    pair, spared = await stage.dial(), await stage.dial("spared")
    async with stage.network.refuse(HIT):
        how, size, took_s = await stage.end(pair.client[0], PATIENCE_S)
        stage.expect((how != "silence", size) == (True, 0), f"refuse: a live connection: {how}")
        stage.lasts(took_s, 0.0, "refuse: the end of a live connection")
        met = await stage.met("hit")
        stage.expect(met == "ConnectionRefusedError", f"refuse: a connect met {met}")
        stage.lasts(await stage.travel(spared, "upstream"), 0.0, "refuse: who is spared")
    pair = await stage.dial()
    stage.lasts(await stage.travel(pair, "upstream"), 0.0, "refuse: healed")


async def fin(stage: Stage) -> None:
    """Live connections end with a FIN, once; new ones work."""
    pair, spared = await stage.dial(), await stage.dial("spared")
    await stage.network.fin(HIT)
    how, size, _ = await stage.end(pair.client[0], PATIENCE_S)
    stage.expect((how, size) == ("FIN", 0), f"fin: {how} after {size} bytes")
    stage.lasts(await stage.travel(spared, "upstream"), 0.0, "fin: who is spared")
    stage.lasts(await stage.travel(await stage.dial(), "upstream"), 0.0, "fin: a new connection")


async def dns_failure(stage: Stage) -> None:
    """The name does not resolve, live connections go on, until it is healed."""
    pair = await stage.dial()
    async with stage.network.dns_failure(HIT):
        met = await stage.met("hit")
        stage.expect(met == "gaierror", f"dns_failure: a connect met {met}")
        stage.lasts(await stage.travel(pair, "upstream"), 0.0, "dns_failure: a live connection")
        spared = await stage.dial("spared")
        stage.lasts(await stage.travel(spared, "upstream"), 0.0, "dns_failure: who is spared")
    stage.lasts(await stage.travel(await stage.dial(), "upstream"), 0.0, "dns_failure: healed")


async def connect_stall(stage: Stage) -> None:
    """A connect gets no answer before the SYN that is sent again after the heal."""
    began_s = stage.now_s()
    pair = await stage.dial()
    usual_s = stage.now_s() - began_s
    async with stage.network.stall_connects(HIT):
        began_s = stage.now_s()
        waiting = asyncio.create_task(stage.dial())
        await asyncio.sleep(SILENCE_S)
        stage.expect(not waiting.done(), "connect_stall: a connect was answered")
        stage.lasts(await stage.travel(pair, "upstream"), 0.0, "connect_stall: a live connection")
        spared = await stage.dial("spared")
        stage.lasts(await stage.travel(spared, "upstream"), 0.0, "connect_stall: who is spared")
    waited = await waiting
    took_s = stage.now_s() - began_s
    # Sent again after a second, it takes as long as any connect.
    law_s = max(1.0, min(took_s, 1.0 + usual_s))
    stage.lasts(took_s, law_s, "connect_stall: the connect that waited")
    stage.lasts(await stage.travel(waited, "upstream"), 0.0, "connect_stall: healed")


EFFECTS: Mapping[str, Effect] = {
    one.__name__: one
    for one in (
        nothing,
        latency,
        removed_latency,
        jitter,
        bandwidth,
        slicer,
        limit_data,
        slow_close,
        timeout,
        reset_peer,
        hole,
        refuse,
        fin,
        dns_failure,
        connect_stall,
    )
}
"""By name; each opens its own connections and finds the world as if nothing had been before."""
