"""A Toxiproxy over its HTTP API: a thin adapter that makes toxiproxy-python safe to build on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from harness.toxiproxy.client_errors import BadRequest, ProxyNotFound, ToxiproxyError
from harness.toxiproxy.client_proxy import Proxy
from harness.toxiproxy.held import held
from harness.toxiproxy.library import Transport, bracketed, load, translated
from harness.toxiproxy.names import check_name


class Toxiproxy:
    """One Toxiproxy server. Calls block, at most `timeout_s` seconds for each request.

    Any number of servers and threads go side by side; a coroutine calls through `off_loop`. Every
    call raises a `ToxiproxyError`: `Unreachable` if nothing answers as a Toxiproxy does, else by
    what it answered, with its words (`toxiproxy.md` §3.1).
    """

    def __init__(self, host: str, port: int, timeout_s: float = 5.0) -> None:
        self.host = host
        self.port = port
        self._transport = Transport(f"http://{bracketed(host)}:{port}", timeout_s)
        self._package = load(host, port, self._transport)
        self._library = self._package.Toxiproxy()

    def version(self) -> str:
        """The version that the server says it is."""
        return self._transport.version()

    def create(
        self, name: str, upstream: str, listen: str = "127.0.0.1:0", *, enabled: bool = True
    ) -> Proxy:
        """Add a proxy in front of `upstream` (`host:port`). Raises `ProxyExists`."""
        check_name(name)
        with translated(f"create {name}"):
            made = self._library.create(upstream, name, listen=listen, enabled=enabled)
            return Proxy(self._transport, made)

    @contextmanager
    def temporary_proxy(
        self, name: str, upstream: str, listen: str = "127.0.0.1:0"
    ) -> Iterator[Proxy]:
        """A proxy for the length of a block, deleted at its end however that comes."""

        def delete() -> None:
            with suppress(ProxyNotFound):
                self.delete(name)

        with held(
            lambda: self.create(name, upstream, listen), delete, f"the proxy {name} stays"
        ) as proxy:
            yield proxy

    def get_proxy(self, name: str) -> Proxy:
        """The proxy of that name. Raises `ProxyNotFound`."""
        check_name(name)
        with translated(f"proxy {name}"):
            return self._wrap(self._transport.json("GET", f"/proxies/{name}"))

    def proxies(self) -> dict[str, Proxy]:
        """All proxies by name."""
        with translated("proxies"):
            found = self._library.proxies()
            return {name: Proxy(self._transport, found[name]) for name in sorted(found)}

    def populate(self, proxies: Iterable[Mapping[str, Any]]) -> list[Proxy]:
        """Create or replace proxies in one call; those that are there already stay as they are.

        Each has `name`, `upstream` and `listen`, and may have `enabled`. The first that fails
        ends it; the error names those that were made before.
        """
        asked = [_checked(proxy) for proxy in proxies]
        with translated("populate"):
            answer = self._transport.json("POST", "/populate", asked)
            return [self._wrap(values) for values in answer["proxies"] or []]

    def reset(self) -> None:
        """Enable every proxy and remove every toxic."""
        with translated("reset"):
            self._library.reset()

    def delete(self, name: str) -> None:
        """Remove a proxy and its connections. Raises `ProxyNotFound`."""
        with translated(f"delete {name}"):
            self._library.destroy(self._by_name(name))

    def delete_all(self) -> None:
        """Remove every proxy, also behind one that cannot be; the error names all that stay."""
        stay = []
        for name in self.proxies():
            try:
                self.delete(name)
            except ProxyNotFound:
                continue
            except ToxiproxyError as error:
                stay.append(f"{name} ({error})")
        if stay:
            raise ToxiproxyError(f"delete all: {len(stay)} stay: {'; '.join(stay)}")

    def _by_name(self, name: str) -> Any:
        check_name(name)
        return self._package.Proxy(name=name, upstream="", enabled=True, listen="")

    def _wrap(self, values: Mapping[str, Any]) -> Proxy:
        return Proxy(self._transport, self._package.Proxy(**values))


def _checked(proxy: Mapping[str, Any]) -> dict[str, Any]:
    for field in ("name", "upstream", "listen"):
        if not proxy.get(field):
            raise BadRequest(f"populate: {dict(proxy)!r} has no {field!r}; each proxy needs one")
    check_name(proxy["name"])
    return dict(proxy)
