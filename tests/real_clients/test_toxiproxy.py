"""Unmodified clients of Toxiproxy work with the embedded server as they do with the real one."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import toxiproxy as package

from harness.toxiproxy import Toxiproxy
from tests.real_clients.clients import node
from tests.toxiproxy.servers import toxiproxy_of

SCRIPT = Path(__file__).parent / "toxiproxy_node.mjs"
PATIENCE_S = 60.0
UPSTREAM = "127.0.0.1:9"


@pytest.fixture(scope="module", params=["embedded", "real"])
def server(request: pytest.FixtureRequest) -> Iterator[Toxiproxy]:
    with toxiproxy_of(request.param) as running:
        yield running


def test_every_call_of_the_npm_client(server: Toxiproxy) -> None:
    command = [node(), str(SCRIPT), f"http://{server.host}:{server.port}", UPSTREAM]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    told = dict(json.loads(line) for line in ended.stdout.splitlines())
    # The real one that was built here calls itself `git`.
    assert json.loads(told.pop("getVersion")).keys() == {"version"}
    assert {what: _fault(got) for what, got in told.items()} == EXPECTED


def _fault(got: Any) -> Any:
    """All that the client tells of an error is its status."""
    return got["said"].split()[-1] if isinstance(got, dict) and "said" in got else got


SLOW = {"name": "slow", "type": "latency", "stream": "upstream"}
EXPECTED = {
    "createProxy": {"enabled": True, "listen": "", "name": "node", "upstream": UPSTREAM},
    "createProxy again": "409",
    "get": True,
    "get none": "404",
    "populate": ["more"],
    "getAll": ["more", "node"],
    "update": False,
    "addToxic": {**SLOW, "toxicity": 0.5, "attributes": {"latency": 100, "jitter": 10}},
    "addToxic again": "409",
    "addToxic unknown": "400",
    "getToxic": {**SLOW, "toxicity": 0.5, "attributes": {"latency": 100, "jitter": 10}},
    "toxic.update": {**SLOW, "toxicity": 1, "attributes": {"latency": 200, "jitter": 10}},
    "toxic.remove": None,
    "getToxic none": "404",
    "reset": None,
    "enabled by reset": True,
    "remove": [],
}


@pytest.fixture
def python(server: Toxiproxy) -> Iterator[package.Toxiproxy]:
    """The client as it comes from PyPI; where it asks is a state of its class."""
    client = package.Toxiproxy()
    before = package.api.APIConsumer.host, package.api.APIConsumer.port
    client.update_api_consumer(server.host, server.port)
    client.destroy_all()
    yield client
    client.destroy_all()
    client.update_api_consumer(*before)


def test_proxies_by_the_python_client(python: package.Toxiproxy) -> None:
    assert python.running() is True
    assert b"version" in python.version()
    proxy = python.create(name="python", upstream=UPSTREAM)
    assert python.get_proxy("python").listen == proxy.listen
    with pytest.raises(package.exceptions.ProxyExists):
        python.create(name="python", upstream=UPSTREAM)
    with proxy.down():
        assert python.get_proxy("python").enabled is False
    assert python.get_proxy("python").enabled is True
    more = {"name": "more", "upstream": UPSTREAM, "listen": "127.0.0.1:0"}
    assert [each.name for each in python.populate([more])] == ["more"]
    assert sorted(python.proxies()) == ["more", "python"]
    assert python.destroy(proxy) is True
    assert python.get_proxy("python") is None


def test_toxics_by_the_python_client(python: package.Toxiproxy) -> None:
    proxy = python.create(name="python", upstream=UPSTREAM)
    proxy.add_toxic(type="latency", attributes={"latency": 100})
    proxy.add_toxic(name="cut", type="limit_data", stream="upstream", toxicity=0.5)
    assert sorted(proxy.toxics()) == ["cut", "latency_downstream"]
    assert proxy.get_toxic("cut").toxicity == 0.5
    with pytest.raises(package.exceptions.InvalidToxic):
        proxy.add_toxic(type="odd")
    with pytest.raises(package.exceptions.NotFound):
        proxy.destroy_toxic("none")
    assert proxy.destroy_toxic("cut") is True
    assert python.reset() is True
    assert proxy.toxics() == {}
