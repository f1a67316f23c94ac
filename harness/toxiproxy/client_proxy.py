"""One proxy of a Toxiproxy: its state, its toxics, and blocks that always heal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from harness.toxics import make_toxic, refuse_fatal
from harness.toxiproxy.client_errors import ProxyNotFound, ToxicNotFound
from harness.toxiproxy.held import held
from harness.toxiproxy.library import Transport, translated
from harness.toxiproxy.names import check_name, check_toxicity


@dataclass(frozen=True, slots=True)
class ToxicState:
    """A toxic as the server has it."""

    name: str
    type: str
    stream: str
    toxicity: float
    attributes: Mapping[str, int]


class Proxy:
    """A proxy of a server; what it says is read again after each change that we make."""

    def __init__(self, transport: Transport, library_proxy: Any) -> None:
        self._transport = transport
        self._proxy = library_proxy

    @property
    def _addressed(self) -> Any:
        """The library's proxy, for a request; a foreign one may have a name that means another."""
        check_name(self.name)
        return self._proxy

    @property
    def _path(self) -> str:
        return f"/proxies/{self._addressed.name}"

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
        self._change(f"enable {self.name}", {"enabled": True})

    def disable(self) -> None:
        """Refuse connections and end the live ones."""
        self._change(f"disable {self.name}", {"enabled": False})

    @contextmanager
    def down(self) -> Iterator[Proxy]:
        """Disabled for the length of a block; afterwards it is as it was before."""

        def heal() -> None:
            if was_enabled:
                self.enable()

        self._read_again()
        was_enabled = self.enabled
        with held(self.disable, heal, "the proxy stays down"):
            yield self

    def update(self, *, listen: str | None = None, upstream: str | None = None) -> None:
        """Move it; its connections are dropped, its toxics stay."""
        asked = {"listen": listen, "upstream": upstream}
        changes = {key: value for key, value in asked.items() if value is not None}
        self._change(f"update {self.name}", changes)

    def toxics(self) -> dict[str, ToxicState]:
        """Its toxics by name: the upstream ones, then the downstream ones."""
        with translated(f"toxics of {self.name}"):
            return {name: _state(toxic) for name, toxic in self._addressed.toxics().items()}

    def get_toxic(self, name: str) -> ToxicState:
        """The toxic of that name. Raises `ToxicNotFound`."""
        check_name(name)
        with translated(f"toxic {name} of {self.name}"):
            return ToxicState(**self._transport.json("GET", self._toxic_path(name)))

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
            self._addressed.add_toxic(
                type=type, stream=stream, attributes=attributes, name=name, toxicity=toxicity
            )
            return self.get_toxic(name)

    @contextmanager
    def toxic(
        self,
        type: str,
        stream: str = "downstream",
        attributes: Mapping[str, int] | None = None,
        name: str | None = None,
        toxicity: float = 1.0,
    ) -> Iterator[ToxicState]:
        """A toxic for the length of a block, removed at its end however that comes."""
        name = check_name(name or f"{type}_{stream}")

        def heal() -> None:
            with suppress(ProxyNotFound, ToxicNotFound):
                self.remove_toxic(name)

        def add() -> ToxicState:
            return self.add_toxic(type, stream, attributes, name, toxicity)

        with held(add, heal, f"the toxic {name} stays") as state:
            yield state

    def update_toxic(
        self,
        name: str,
        attributes: Mapping[str, int] | None = None,
        toxicity: float | None = None,
    ) -> ToxicState:
        """Change what is given of a toxic. Raises `BadToxic`, `ToxicNotFound`."""
        now = self.get_toxic(name)
        refuse_fatal(make_toxic(now.type, {**now.attributes, **(attributes or {})}))
        changes: dict[str, Any] = {"attributes": dict(attributes or {})}
        if toxicity is not None:
            changes["toxicity"] = check_toxicity(toxicity)
        with translated(f"update toxic {name} of {self.name}"):
            return ToxicState(**self._transport.change(self._toxic_path(name), changes))

    def remove_toxic(self, name: str) -> None:
        """Remove a toxic; what it holds goes on at once. Raises `ToxicNotFound`."""
        check_name(name)
        with translated(f"remove toxic {name} of {self.name}"):
            self._addressed.destroy_toxic(name)

    def _toxic_path(self, name: str) -> str:
        return f"{self._path}/toxics/{name}"

    def _change(self, what: str, changes: Mapping[str, Any]) -> None:
        with translated(what):
            self._keep(self._transport.change(self._path, changes))

    def _read_again(self) -> None:
        with translated(f"proxy {self.name}"):
            self._keep(self._transport.json("GET", self._path))

    def _keep(self, values: Mapping[str, Any]) -> None:
        for field in ("listen", "upstream", "enabled"):
            setattr(self._proxy, field, values[field])


def _state(toxic: Any) -> ToxicState:
    return ToxicState(toxic.name, toxic.type, toxic.stream, toxic.toxicity, toxic.attributes)
