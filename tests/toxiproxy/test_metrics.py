"""`/metrics`: the recorded names and labels, live traffic, and figures of this process."""

from __future__ import annotations

import json
import re

import pytest

from harness.toxiproxy.metrics import Metrics
from harness.toxiproxy.traffic import SERIES_MAX, Ledger, Route
from tests.golden_toxiproxy.records import RECORDED
from tests.toxiproxy.wire import Wire, connected, echo, running, upstream

PROXY = Metrics(proxy=True)


def recorded() -> dict[str, list[str]]:
    """What the real server told."""
    lines = (RECORDED / "metrics.jsonl").read_text().splitlines()
    told: dict[str, list[str]] = json.loads(lines[1])
    return told


async def told(wire: Wire) -> list[str]:
    answer = await wire.request("GET", "/metrics")
    assert answer.status == 200
    assert answer.headers["content-type"] == str(recorded()["content_type"])
    return answer.body.splitlines()


def anywhere(lines: list[str]) -> list[str]:
    """Without the ports of one run."""
    return [re.sub(r"127\.0\.0\.1:\d+", "A", line).replace('"m"', '"p"') for line in lines]


@pytest.mark.asyncio
async def test_traffic_is_told_as_recorded_while_connections_are_open() -> None:
    async with upstream(echo) as port, running(metrics=PROXY) as wire:
        assert await told(wire) == recorded()["before"] == []
        through = await wire.proxy(port)
        async with connected(through) as (reader, writer):
            writer.write(b"x" * 10)
            await reader.readexactly(10)
            open_lines = await told(wire)
        # The recorded server echoed twice what it got.
        expected = [line.replace(" 20", " 10") for line in recorded()["after_data_before_close"]]
        assert anywhere(open_lines) == anywhere(expected)
        assert await told(wire) == open_lines


@pytest.mark.asyncio
async def test_what_a_toxic_swallows_is_received_and_not_sent() -> None:
    async with upstream(echo) as port, running(metrics=PROXY) as wire:
        through = await wire.proxy(port)
        await wire.toxic("limit_data", "upstream", bytes=4)
        async with connected(through) as (reader, writer):
            writer.write(b"x" * 10)
            assert await reader.read() in (b"", b"xxxx")
        text = "\n".join(await told(wire))
    values = {
        (name, direction): int(value)
        for name, direction, value in re.findall(
            r'proxy_(received|sent)_bytes_total\{direction="(\w+)".* (\d+)', text
        )
    }
    assert values["received", "upstream"] == 10
    assert values["sent", "upstream"] == 4


@pytest.mark.asyncio
async def test_counters_outlive_their_proxy() -> None:
    async with upstream(echo) as port, running(metrics=PROXY) as wire:
        async with connected(await wire.proxy(port)) as (reader, writer):
            writer.write(b"x")
            await reader.readexactly(1)
        before = await told(wire)
        await wire.ok("DELETE", "/proxies/p")
        assert await told(wire) == before != []


def test_odd_names_are_escaped() -> None:
    ledger = Ledger()
    ledger.traffic(Route("upstream", "l", 'a"b\\c\nd', "u")).sent_bytes = 1
    assert 'proxy="a\\"b\\\\c\\nd"' in PROXY.text(ledger)


def test_old_series_make_room_for_new_ones() -> None:
    ledger = Ledger()
    for number in range(SERIES_MAX + 1):
        ledger.traffic(Route("upstream", str(number), "p", "u")).sent_bytes = 1
    listeners = {route.listener for route, _ in ledger}
    assert len(listeners) == SERIES_MAX
    assert "0" not in listeners


def test_figures_of_the_process_have_the_common_names() -> None:
    lines = Metrics(runtime=True).text(Ledger()).splitlines()
    figures = dict(line.split(" ") for line in lines if not line.startswith("#"))
    assert float(figures["process_resident_memory_bytes"]) > 1e6
    assert float(figures["process_open_fds"]) > 2
    assert float(figures["process_cpu_seconds_total"]) > 0
