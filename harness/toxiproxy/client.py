"""A Toxiproxy over its HTTP API: a thin adapter that makes toxiproxy-python safe to build on."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from harness.toxics import BadToxic, make_toxic
from harness.toxiproxy.client_errors import BadRequest, ToxiproxyError
from harness.toxiproxy.fatal import refuse_fatal
from harness.toxiproxy.library import Transport, bracketed, load, translated

_NAME = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9_.-]+")


@dataclass(frozen=True, slots=True)
class ToxicState:
    """A toxic as the server has it."""

    name: str
    type: str
    stream: str
    toxicity: float
    attributes: Mapping[str, int]


class Toxiproxy:
    """One Toxiproxy server. Calls block, at most `timeout_s` seconds for each request.

    Any number of servers and threads go side by side. Every call raises a `ToxiproxyError`:
    `Unreachable` if nothing answers as a Toxiproxy does, else by what it answered
    (`toxiproxy.md` §3.1).
    """

    def __init__(self, host: str, port: int, timeout_s: float = 5.0) -> None:
        self.host = host
        self.port = port
        self._transport = Transport(f"http://{bracketed(host)}:{port}", timeout_s)
        self._package = load(host, port, self._transport)
        self._library = self._package.Toxiproxy()

    def version(self) -> str:
        """The version that the server says it is."""
        with translated("version"):
            return str(self._transport.json("GET", "/version")["version"])

    def create(
        self, name: str, upstream: str, listen: str = "127.0.0.1:0", *, enabled: bool = True
    ) -> Proxy:
        """Add a proxy in front of `upstream` (`host:port`). Raises `ProxyExists`."""
        check_name(name)
        with translated(f"create {name}"):
            made = self._library.create(upstream, name, listen=listen, enabled=enabled)
            return Proxy(self._transport, made)

    def proxies(self) -> dict[str, Proxy]:
        """All proxies by name."""
        with translated("proxies"):
            found = self._library.proxies()
            return {name: Proxy(self._transport, found[name]) for name in sorted(found)}

    def populate(self, proxies: Iterable[Mapping[str, Any]]) -> list[Proxy]:
        """Create or replace proxies in one call; those that are there already stay as they are.

        Each has `name`, `upstream` and `listen`, and may have `enabled`.
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

    def _by_name(self, name: str) -> Any:
        check_name(name)
        return self._package.Proxy(name=name, upstream="", enabled=True, listen="")

    def _wrap(self, values: Mapping[str, Any]) -> Proxy:
        return Proxy(self._transport, self._package.Proxy(**values))


class Proxy:
    """A proxy of a server; what it says is read again after each change that we make."""

    def __init__(self, transport: Transport, library_proxy: Any) -> None:
        self._transport = transport
        self._proxy = library_proxy
        self._path = f"/proxies/{library_proxy.name}"

    @property
    def name(self) -> str:
        """Its name."""
        return str(self._proxy.name)

    @property
    def listen(self) -> str:
        """Where clients connect, with the port that was chosen for port 0."""
        return str(self._proxy.listen)

    @property
    def upstream(self) -> str:
        """Where it connects them to."""
        return str(self._proxy.upstream)

    @property
    def enabled(self) -> bool:
        """Whether it listens."""
        return bool(self._proxy.enabled)

    def enable(self) -> None:
        """Listen, on the port of before."""
        with translated(f"enable {self.name}"):
            self._proxy.enable()
            self._read_again()

    def disable(self) -> None:
        """Refuse connections and end the live ones."""
        with translated(f"disable {self.name}"):
            self._proxy.disable()
            self._read_again()

    @contextmanager
    def down(self) -> Iterator[Proxy]:
        """Disabled for the length of a block. A failure to enable never hides the block's own."""
        self.disable()
        try:
            yield self
        except BaseException as error:
            try:
                self.enable()
            except ToxiproxyError as also:
                error.add_note(f"and the proxy stays down: {also}")
            raise
        self.enable()

    def update(self, *, listen: str | None = None, upstream: str | None = None) -> None:
        """Move it; its connections are dropped, its toxics stay."""
        asked = {"listen": listen, "upstream": upstream}
        changes = {key: value for key, value in asked.items() if value is not None}
        with translated(f"update {self.name}"):
            self._keep(self._transport.json("PATCH", self._path, changes))

    def toxics(self) -> dict[str, ToxicState]:
        """Its toxics by name: the upstream ones, then the downstream ones."""
        with translated(f"toxics of {self.name}"):
            return {name: _state(toxic) for name, toxic in self._proxy.toxics().items()}

    def add_toxic(
        self,
        type: str,
        stream: str = "downstream",
        attributes: Mapping[str, int] | None = None,
        name: str | None = None,
        toxicity: float = 1.0,
    ) -> ToxicState:
        """Add a toxic to new and live connections; its name is `<type>_<stream>` unless given.

        Raises `BadToxic` before anything is sent for attributes that are wrong or that end a real
        Toxiproxy, `ToxicExists` if the name is taken on either stream.
        """
        name = check_name(name or f"{type}_{stream}")
        attributes = dict(attributes or {})
        refuse_fatal(make_toxic(type, attributes))
        check_toxicity(toxicity)
        with translated(f"add toxic {name} to {self.name}"):
            self._proxy.add_toxic(
                type=type, stream=stream, attributes=attributes, name=name, toxicity=toxicity
            )
            return self._toxic(name)

    def update_toxic(
        self,
        name: str,
        attributes: Mapping[str, int] | None = None,
        toxicity: float | None = None,
    ) -> ToxicState:
        """Change what is given of a toxic. Raises `BadToxic`, `ToxicNotFound`."""
        check_name(name)
        with translated(f"update toxic {name} of {self.name}"):
            now = self._toxic(name)
        refuse_fatal(make_toxic(now.type, {**now.attributes, **(attributes or {})}))
        changes: dict[str, Any] = {"attributes": dict(attributes or {})}
        if toxicity is not None:
            changes["toxicity"] = check_toxicity(toxicity)
        with translated(f"update toxic {name} of {self.name}"):
            return ToxicState(**self._transport.json("PATCH", self._toxic_path(name), changes))

    def remove_toxic(self, name: str) -> None:
        """Remove a toxic; what it holds goes on at once. Raises `ToxicNotFound`."""
        check_name(name)
        with translated(f"remove toxic {name} of {self.name}"):
            self._proxy.destroy_toxic(name)

    def _toxic(self, name: str) -> ToxicState:
        return ToxicState(**self._transport.json("GET", self._toxic_path(name)))

    def _toxic_path(self, name: str) -> str:
        return f"{self._path}/toxics/{quote(name)}"

    def _read_again(self) -> None:
        self._keep(self._transport.json("GET", self._path))

    def _keep(self, values: Mapping[str, Any]) -> None:
        for field in ("listen", "upstream", "enabled"):
            setattr(self._proxy, field, values[field])


def check_name(name: str) -> str:
    """The name, if it can be addressed in a URL. Raises `BadRequest`."""
    if not _NAME.fullmatch(name):
        raise BadRequest(
            f"name {name!r} cannot be addressed; use letters, digits, '_', '-' and '.' only"
        )
    return name


def check_toxicity(toxicity: float) -> float:
    """The toxicity, if it is a share. Raises `BadToxic`."""
    if not 0 <= toxicity <= 1:
        raise BadToxic(f"toxicity is {toxicity!r}; say a share of connections from 0 to 1")
    return toxicity


def _checked(proxy: Mapping[str, Any]) -> dict[str, Any]:
    for field in ("name", "upstream", "listen"):
        if not proxy.get(field):
            raise BadRequest(f"populate: {dict(proxy)!r} has no {field!r}; each proxy needs one")
    check_name(proxy["name"])
    return dict(proxy)


def _state(toxic: Any) -> ToxicState:
    return ToxicState(toxic.name, toxic.type, toxic.stream, toxic.toxicity, toxic.attributes)
