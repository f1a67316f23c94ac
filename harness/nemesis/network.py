"""Faults of the network, by their names in `failures.md` §0.3."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

from harness.nemesis.kind import Act, FaultKind, Strike
from harness.nemesis.levers import Stream
from harness.nemesis.parameters import (
    DURATION,
    SECONDS,
    SHARE,
    Parameter,
    one_of,
    whole,
)
from harness.nemesis.victims import VICTIMS
from harness.toxics import ATTRIBUTE_MAX, BadToxic, make_toxic, refuse_fatal

ENDED = ("disconnect", "dial", "missed")
"""Signs of connections that ended or could not be made."""
NOT_SHAPED = {"packets": "packets are lost or refused there, not shaped; wire has the toxics"}
SILENT = (*ENDED, "late", "slow_join", "slow_call")
"""Signs of packets that came late or never."""


# Connections that end.


async def _refuse(strike: Strike) -> None:
    await strike.hold(strike.levers.network.refuse(strike.victims))


async def _rst(strike: Strike) -> None:
    await strike.levers.network.rst(strike.victims)


async def _fin(strike: Strike) -> None:
    await strike.levers.network.fin(strike.victims)


# Packets that vanish.


async def _hole(strike: Strike) -> None:
    way = strike["direction"]
    up, down = way in ("up", "both"), way in ("down", "both")
    await strike.hold(strike.levers.network.hole(strike.victims, up=up, down=down))


async def _packet_loss(strike: Strike) -> None:
    await strike.hold(strike.levers.network.lose(strike.victims, strike["share"]))


async def _dead_flow(strike: Strike) -> None:
    await strike.levers.network.dead_flow(strike.victims)


async def _dns_failure(strike: Strike) -> None:
    await strike.hold(strike.levers.network.dns_failure(strike.victims))


async def _connect_stall(strike: Strike) -> None:
    await strike.hold(strike.levers.network.stall_connects(strike.victims))


# Toxics.


async def _slow(strike: Strike) -> None:
    """Latency and jitter, and a limit where one is given, on what the server sends."""
    network, victims = strike.levers.network, strike.victims
    waits = {"latency": _ms(strike["latency_s"]), "jitter": _ms(strike["jitter_s"])}
    await strike.hold(network.toxic(victims, "downstream", "latency", waits))
    if strike["bytes_per_s"] is not None:
        rate = {"rate": max(1, round(strike["bytes_per_s"] / 1000))}
        await strike.hold(network.toxic(victims, "downstream", "bandwidth", rate))


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def _toxic(type: str) -> Act:
    """A toxic of Toxiproxy, on one stream or both."""

    async def act(strike: Strike) -> None:
        attributes = _attributes(type, strike.values)
        streams: tuple[Stream, ...] = ("upstream", "downstream")
        for stream in streams if strike["stream"] == "both" else (strike["stream"],):
            await strike.hold(strike.levers.network.toxic(strike.victims, stream, type, attributes))

    return act


def _survivable(type: str) -> Callable[[Mapping[str, Any]], str | None]:
    """What is refused in every world because a real Toxiproxy would not survive it."""

    def rule(values: Mapping[str, Any]) -> str | None:
        try:
            refuse_fatal(make_toxic(type, _attributes(type, values)))
        except BadToxic as error:
            return str(error)
        return None

    return rule


def _attributes(type: str, values: Mapping[str, Any]) -> dict[str, int]:
    return {field.name: values[field.name] for field in fields(make_toxic(type, {}))}


_STREAM = Parameter(
    "stream",
    one_of("downstream", "upstream", "both"),
    "downstream",
    "which way: downstream is from the server to the clients",
)


def _attribute(name: str, default: int, meaning: str, unit: str) -> Parameter:
    return Parameter(name, whole(0, ATTRIBUTE_MAX), default, meaning, unit)


def toxic(
    type: str, meaning: str, *attributes: Parameter, felt_by: tuple[str, ...] = SILENT, **more: Any
) -> FaultKind:
    """A toxic as a fault: Toxiproxy's name, attributes and units; any number at once."""
    return FaultKind(
        name=type,
        meaning=meaning,
        category="network",
        act=_toxic(type),
        lasts=True,
        parameters=(*attributes, _STREAM, *VICTIMS),
        felt_by=felt_by,
        alone=False,
        elsewhere=NOT_SHAPED,
        rule=_survivable(type),
        **more,
    )


def _kind(name: str, meaning: str, act: Act, *own: Parameter, **more: Any) -> FaultKind:
    more = {"lasts": True, "felt_by": ENDED, **more}
    return FaultKind(
        name=name, meaning=meaning, category="network", act=act, parameters=(*own, *VICTIMS), **more
    )


NETWORK: tuple[FaultKind, ...] = (
    _kind("refuse", "live connections end and connects are refused", _refuse),
    _kind("rst", "live connections are reset (TCP RST); new ones work", _rst, lasts=False),
    _kind(
        "fin",
        "live connections end with a FIN and without a close frame; new ones work",
        _fin,
        lasts=False,
        elsewhere={"packets": "a FIN comes from a program, not from the network"},
    ),
    _kind(
        "hole",
        "packets vanish and sockets stay open, in one direction or both",
        _hole,
        Parameter(
            "direction",
            one_of("both", "up", "down"),
            "both",
            "whose packets vanish: up is from the clients to the server",
        ),
        felt_by=SILENT,
    ),
    _kind(
        "packet_loss",
        "packets vanish by lot both ways, and TCP sends them again: rare stalls, no missing bytes",
        _packet_loss,
        Parameter("share", SHARE, 0.2, "of all packets"),
        felt_by=SILENT,
        elsewhere={
            "sim": "the simulated network knows no retransmission; packets is where it can be done",
            "wire": "a proxy sees no packets; packets is where it can be done",
        },
    ),
    _kind(
        "dead_flow",
        "a NAT forgets the live connections: no FIN, no RST, only silence; new ones work",
        _dead_flow,
        lasts=False,
        felt_by=SILENT,
    ),
    _kind(
        "dns_failure",
        "the server's name does not resolve; live connections go on. In real time it makes no "
        "sense for a client that is a program of its own, which resolves names by itself",
        _dns_failure,
        felt_by=("dial",),
    ),
    _kind(
        "connect_stall",
        "TCP connects get no answer; live connections go on. Who still waits at the heal gets "
        "through when TCP next sends the SYN again, 1, 3, 7, 15, … s after the first. In wire it "
        "makes no sense for a client that is a program of its own",
        _connect_stall,
        felt_by=("dial",),
    ),
    _kind(
        "slow",
        "what the server sends comes late, and no faster than a limit",
        _slow,
        Parameter("latency_s", SECONDS, 2.0, "how late", "seconds"),
        Parameter("jitter_s", SECONDS, 0.0, "each piece so much earlier or later", "seconds"),
        Parameter("bytes_per_s", DURATION, None, "for each connection", "bytes a second"),
        felt_by=SILENT,
        elsewhere=NOT_SHAPED,
    ),
    toxic(
        "latency",
        "the toxic `latency`: bytes come late",
        _attribute("latency", 1000, "how late", "milliseconds"),
        _attribute("jitter", 0, "each piece so much earlier or later", "milliseconds"),
    ),
    toxic(
        "bandwidth",
        "the toxic `bandwidth`: bytes come no faster than a rate",
        _attribute("rate", 1, "for each connection", "KB a second"),
    ),
    toxic(
        "slicer",
        "the toxic `slicer`: bytes come in small pieces",
        _attribute("average_size", 16, "of a piece", "bytes"),
        _attribute("size_variation", 0, "a piece is so much larger or smaller", "bytes"),
        _attribute("delay", 50_000, "between two pieces", "microseconds"),
    ),
    toxic(
        "limit_data",
        "the toxic `limit_data`: a connection ends after so many bytes",
        _attribute("bytes", 2000, "that each connection may carry", "bytes"),
        felt_by=ENDED,
    ),
    toxic(
        "slow_close",
        "the toxic `slow_close`: a connection that one end has closed stays open to the other",
        _attribute("delay", 2000, "how long", "milliseconds"),
        felt_by=("disconnect",),
    ),
    toxic(
        "timeout",
        "the toxic `timeout`: nothing passes, and a connection ends on which nothing was sent for "
        "a time",
        _attribute("timeout", 1000, "0 for not before the heal", "milliseconds"),
        felt_by=SILENT,
    ),
    toxic(
        "reset_peer",
        "the toxic `reset_peer`: a connection is reset after its first data",
        _attribute("timeout", 0, "between the first data and the reset", "milliseconds"),
        felt_by=ENDED,
    ),
)
"""The faults of the network, in the order in which they are listed."""
