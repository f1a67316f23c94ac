"""The adapter over toxiproxy-python, against the embedded server and the real one alike."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator
from typing import Any
from urllib.request import Request, urlopen

import pytest

from harness.toxiproxy import (
    BadRequest,
    BadToxic,
    Proxy,
    ProxyExists,
    ProxyNotFound,
    ServerFailed,
    ToxicExists,
    ToxicNotFound,
    Toxiproxy,
    ToxiproxyError,
)
from tests.toxiproxy.servers import embedded, toxiproxy_of


@pytest.fixture(scope="module", params=["embedded", "real"])
def shared(request: pytest.FixtureRequest) -> Iterator[Toxiproxy]:
    with toxiproxy_of(request.param) as toxiproxy:
        yield toxiproxy


@pytest.fixture
def toxiproxy(shared: Toxiproxy) -> Toxiproxy:
    for name in shared.proxies():
        shared.delete(name)
    return shared


@pytest.fixture
def proxy(toxiproxy: Toxiproxy) -> Proxy:
    return toxiproxy.create("p", "127.0.0.1:9")


def port_of(proxy: Proxy) -> int:
    return int(proxy.listen.rpartition(":")[2])


def accepts(proxy: Proxy) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port_of(proxy)), timeout=5).close()
    except ConnectionRefusedError:
        return False
    return True


def test_the_version_is_text(toxiproxy: Toxiproxy) -> None:
    assert isinstance(toxiproxy.version(), str)


def test_a_proxy_listens_where_it_says(proxy: Proxy) -> None:
    assert (proxy.name, proxy.upstream, proxy.enabled) == ("p", "127.0.0.1:9", True)
    assert accepts(proxy)


def test_a_name_is_used_once(toxiproxy: Toxiproxy, proxy: Proxy) -> None:
    with pytest.raises(ProxyExists):
        toxiproxy.create(proxy.name, "127.0.0.1:9")


def test_a_taken_port_is_a_failure_of_the_server(toxiproxy: Toxiproxy, proxy: Proxy) -> None:
    with pytest.raises(ServerFailed, match="address already in use") as failed:
        toxiproxy.create("q", "127.0.0.1:9", proxy.listen)
    assert failed.value.status == 500


def test_a_deleted_proxy_is_gone(toxiproxy: Toxiproxy, proxy: Proxy) -> None:
    toxiproxy.delete(proxy.name)
    assert toxiproxy.proxies() == {}
    assert not accepts(proxy)
    with pytest.raises(ProxyNotFound):
        toxiproxy.delete(proxy.name)


def test_a_disabled_proxy_refuses_and_keeps_its_port(proxy: Proxy) -> None:
    listen = proxy.listen
    proxy.disable()
    assert not proxy.enabled
    assert not accepts(proxy)
    proxy.enable()
    assert proxy.listen == listen
    assert accepts(proxy)


def test_the_port_of_a_proxy_made_disabled_is_known_once_enabled(toxiproxy: Toxiproxy) -> None:
    """toxiproxy-python alone keeps saying port 0."""
    proxy = toxiproxy.create("p", "127.0.0.1:9", enabled=False)
    assert port_of(proxy) == 0
    proxy.enable()
    assert port_of(proxy) > 0
    assert accepts(proxy)


def test_a_failure_to_enable_is_no_success(toxiproxy: Toxiproxy, proxy: Proxy) -> None:
    """toxiproxy-python alone reports success on a 500."""
    other = toxiproxy.create("q", "127.0.0.1:9", proxy.listen, enabled=False)
    with pytest.raises(ServerFailed):
        other.enable()
    assert not other.enabled


def test_down_lasts_for_a_block(proxy: Proxy) -> None:
    with proxy.down():
        assert not accepts(proxy)
    assert accepts(proxy)


def test_down_never_hides_the_error_of_its_block(toxiproxy: Toxiproxy, proxy: Proxy) -> None:
    def fail() -> None:
        toxiproxy.delete(proxy.name)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError) as error, proxy.down():
        fail()
    assert "the proxy stays down" in error.value.__notes__[0]


def test_down_inside_down_comes_up_once(proxy: Proxy) -> None:
    with proxy.down():
        with proxy.down():
            pass
        assert not accepts(proxy)
    assert accepts(proxy)


def test_down_does_not_enable_what_it_could_not_disable(toxiproxy: Toxiproxy, proxy: Proxy) -> None:
    toxiproxy.delete(proxy.name)
    with pytest.raises(ProxyNotFound), proxy.down():
        pytest.fail("the block must not run")


def test_a_moved_proxy_says_so(proxy: Proxy) -> None:
    proxy.update(upstream="127.0.0.1:10")
    assert proxy.upstream == "127.0.0.1:10"
    assert accepts(proxy)


def test_a_toxic_comes_and_goes(proxy: Proxy) -> None:
    added = proxy.add_toxic("latency", "upstream", {"latency": 5}, name="slow", toxicity=0.5)
    assert proxy.toxics() == {"slow": added}
    assert (added.type, added.stream, added.toxicity) == ("latency", "upstream", 0.5)
    assert added.attributes == {"latency": 5, "jitter": 0}
    proxy.remove_toxic("slow")
    assert proxy.toxics() == {}
    with pytest.raises(ToxicNotFound):
        proxy.remove_toxic("slow")


def test_a_toxic_lasts_for_a_block(proxy: Proxy) -> None:
    with proxy.toxic("latency", attributes={"latency": 5}) as toxic:
        assert proxy.get_toxic("latency_downstream") == toxic
    assert proxy.toxics() == {}
    with pytest.raises(ToxicNotFound):
        proxy.get_toxic("latency_downstream")


def test_a_toxic_is_healed_when_its_block_fails(proxy: Proxy) -> None:
    with pytest.raises(ZeroDivisionError), proxy.toxic("noop"):
        raise ZeroDivisionError
    assert proxy.toxics() == {}


def test_a_toxic_that_somebody_healed_before_is_no_failure(
    toxiproxy: Toxiproxy, proxy: Proxy
) -> None:
    with proxy.toxic("noop"):
        toxiproxy.reset()
    with proxy.toxic("noop"):
        toxiproxy.delete(proxy.name)


def test_a_block_leaves_the_toxic_of_another_alone(proxy: Proxy) -> None:
    proxy.add_toxic("noop", name="theirs")
    with pytest.raises(ToxicExists), proxy.toxic("noop", name="theirs"):
        pytest.fail("the block must not run")
    assert list(proxy.toxics()) == ["theirs"]


def test_a_proxy_lasts_for_a_block(toxiproxy: Toxiproxy) -> None:
    with toxiproxy.temporary_proxy("p", "127.0.0.1:9") as proxy:
        assert accepts(proxy)
    assert toxiproxy.proxies() == {}
    assert not accepts(proxy)


def test_a_block_leaves_the_proxy_of_another_alone(toxiproxy: Toxiproxy, proxy: Proxy) -> None:
    with pytest.raises(ProxyExists), toxiproxy.temporary_proxy(proxy.name, "127.0.0.1:9"):
        pytest.fail("the block must not run")
    assert toxiproxy.get_proxy(proxy.name).listen == proxy.listen


def test_a_proxy_that_is_not_there_is_said_so(toxiproxy: Toxiproxy) -> None:
    with pytest.raises(ProxyNotFound, match="proxy not found"):
        toxiproxy.get_proxy("p")


def test_all_proxies_go_at_once(toxiproxy: Toxiproxy, proxy: Proxy) -> None:
    toxiproxy.create("q", "127.0.0.1:9")
    toxiproxy.delete_all()
    assert toxiproxy.proxies() == {}


def test_the_name_of_a_toxic_is_unique_over_both_streams(proxy: Proxy) -> None:
    proxy.add_toxic("noop", "upstream", name="n")
    with pytest.raises(ToxicExists):
        proxy.add_toxic("noop", "downstream", name="n")


def test_an_update_changes_what_it_names(proxy: Proxy) -> None:
    proxy.add_toxic("latency", attributes={"latency": 5, "jitter": 1})
    changed = proxy.update_toxic("latency_downstream", {"jitter": 2}, toxicity=0.25)
    assert changed.attributes == {"latency": 5, "jitter": 2}
    assert proxy.toxics()["latency_downstream"] == changed


@pytest.mark.parametrize(
    ("type", "attributes"),
    [
        ("down", {}),
        ("latency", {"jiter": 1}),
        ("latency", {"latency": -1}),
        ("bandwidth", {"rate": -1}),
        ("bandwidth", {"rate": 0}),
        ("slicer", {}),
        ("slicer", {"average_size": 1, "size_variation": 2}),
    ],
)
def test_a_wrong_or_fatal_toxic_is_never_sent(
    proxy: Proxy, type: str, attributes: dict[str, Any]
) -> None:
    with pytest.raises(BadToxic):
        proxy.add_toxic(type, attributes=attributes)
    assert proxy.toxics() == {}


def test_an_update_cannot_make_a_toxic_fatal(proxy: Proxy) -> None:
    proxy.add_toxic("slicer", attributes={"average_size": 10})
    with pytest.raises(BadToxic):
        proxy.update_toxic("slicer_downstream", {"size_variation": 11})


def test_a_toxicity_is_a_share(proxy: Proxy) -> None:
    with pytest.raises(BadToxic, match="17"):
        proxy.add_toxic("noop", toxicity=17)


def test_a_stream_is_one_of_two(proxy: Proxy) -> None:
    with pytest.raises(BadRequest, match="upstream or downstream"):
        proxy.add_toxic("noop", "sideways")


@pytest.mark.parametrize("name", ["a/b", "a b", "", "..", ".", "é", "a?b"])
def test_a_name_that_cannot_be_addressed_is_refused(toxiproxy: Toxiproxy, name: str) -> None:
    """With a slash in its name a proxy could not be deleted until the server restarts."""
    with pytest.raises(BadRequest):
        toxiproxy.create(name, "127.0.0.1:9")
    assert toxiproxy.proxies() == {}


@pytest.fixture
def foreign(toxiproxy: Toxiproxy) -> Iterator[Proxy]:
    """A proxy that another made, under a name that the adapter would not take."""
    asked = json.dumps({"name": "p?x", "upstream": "127.0.0.1:9", "listen": "127.0.0.1:0"})
    url = f"http://{toxiproxy.host}:{toxiproxy.port}/proxies"
    urlopen(url, asked.encode(), timeout=5).close()
    yield toxiproxy.proxies()["p?x"]
    urlopen(Request(f"{url}/p%3Fx", method="DELETE"), timeout=5).close()


def test_what_is_asked_of_a_foreign_proxy_is_never_done_to_another(
    toxiproxy: Toxiproxy, foreign: Proxy, proxy: Proxy
) -> None:
    """In a URL, `p?x` is `p`."""
    for act in (foreign.disable, foreign.toxics, lambda: foreign.add_toxic("noop")):
        with pytest.raises(BadRequest, match="cannot be addressed"):
            act()
    assert toxiproxy.get_proxy("p").enabled
    assert proxy.toxics() == {}


def test_reset_enables_and_heals_everything(toxiproxy: Toxiproxy, proxy: Proxy) -> None:
    proxy.add_toxic("noop")
    proxy.disable()
    toxiproxy.reset()
    again = toxiproxy.proxies()["p"]
    assert again.enabled
    assert again.toxics() == {}


def test_populating_again_leaves_proxies_and_their_toxics_alone(toxiproxy: Toxiproxy) -> None:
    """toxiproxy-python alone would destroy a proxy whose listen names a host."""
    (made,) = toxiproxy.populate(
        [{"name": "a", "upstream": "127.0.0.1:9", "listen": "127.0.0.1:0"}]
    )
    made.add_toxic("noop")
    same = {"name": "a", "upstream": "127.0.0.1:9", "listen": f"localhost:{port_of(made)}"}
    (again,) = toxiproxy.populate([same])
    assert list(again.toxics()) == ["noop_downstream"]


def test_populating_nothing_is_fine(toxiproxy: Toxiproxy) -> None:
    assert toxiproxy.populate([]) == []


def test_what_populate_needs_is_named(toxiproxy: Toxiproxy) -> None:
    with pytest.raises(BadRequest, match="'listen'"):
        toxiproxy.populate([{"name": "a", "upstream": "127.0.0.1:9"}])


def test_populate_says_what_was_made_before_it_failed(toxiproxy: Toxiproxy, proxy: Proxy) -> None:
    asked = [
        {"name": "a", "upstream": "127.0.0.1:9", "listen": "127.0.0.1:0"},
        {"name": "b", "upstream": "127.0.0.1:9", "listen": proxy.listen},
    ]
    with pytest.raises(ServerFailed, match=r"address already in use \(made before it: a\)"):
        toxiproxy.populate(asked)
    assert sorted(toxiproxy.proxies()) == ["a", "p"]


def test_two_servers_are_told_apart(toxiproxy: Toxiproxy, proxy: Proxy) -> None:
    """The address of toxiproxy-python is shared by all its objects."""
    with toxiproxy_of("embedded") as other:
        assert other.proxies() == {}
        assert list(toxiproxy.proxies()) == ["p"]
        other.create("q", "127.0.0.1:9")
        proxy.disable()
        assert list(other.proxies()) == ["q"]


def test_environment_proxies_are_not_used(
    toxiproxy: Toxiproxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    assert toxiproxy.proxies() == {}


def test_a_server_is_reached_over_ipv6() -> None:
    """toxiproxy-python alone knows IPv4 only."""
    with embedded("::1") as port:
        assert Toxiproxy("::1", port).version()


async def in_a_loop(toxiproxy: Toxiproxy) -> None:
    toxiproxy.version()


def test_a_call_that_would_block_an_event_loop_is_refused(toxiproxy: Toxiproxy) -> None:
    with pytest.raises(ToxiproxyError, match="await off_loop"):
        asyncio.run(in_a_loop(toxiproxy))
