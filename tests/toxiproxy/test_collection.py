"""Changes to the set of proxies: one at a time, and none is left half done."""

from __future__ import annotations

import asyncio

import pytest

from harness.toxiproxy.collection import Proxies
from harness.toxiproxy.errors import ApiError


@pytest.mark.asyncio
async def test_of_two_creations_at_once_one_wins() -> None:
    proxies = Proxies(seed=1)
    made = await asyncio.gather(
        *(proxies.create("p", "127.0.0.1:0", "127.0.0.1:9", True) for _ in range(5)),
        return_exceptions=True,
    )
    refused = [one for one in made if isinstance(one, ApiError)]
    proxies.stop()
    assert [error.status for error in refused] == [409] * 4


@pytest.mark.asyncio
async def test_a_reset_tries_every_proxy_and_then_reports() -> None:
    """The original stops at the first that cannot start, in an order that nobody can tell."""
    proxies = Proxies(seed=1)
    taken = (await proxies.create("taken", "127.0.0.1:0", "127.0.0.1:9", True)).listen
    await proxies.create("a", taken, "127.0.0.1:9", False)
    later = await proxies.create("z", "127.0.0.1:0", "127.0.0.1:9", False)
    with pytest.raises(ApiError) as refused:
        await proxies.reset()
    enabled = later.enabled
    proxies.stop()
    assert refused.value.status == 500
    assert enabled


@pytest.mark.asyncio
async def test_a_failed_creation_leaves_no_proxy() -> None:
    proxies = Proxies(seed=1)
    with pytest.raises(ApiError):
        await proxies.create("p", "rubbish", "127.0.0.1:9", True)
    assert proxies.to_json() == {}
