"""Recorded text in the words of this run: its own ports, and the values that answers chose."""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping
from contextlib import ExitStack
from string import Template

RECORDED_PORTS = range(26101, 26113)
EPHEMERAL_PORT_MIN = 32768

_FIXED = re.compile("|".join(map(str, RECORDED_PORTS)))
_LISTEN = re.compile(r'"listen":"([^"]*?)(\d*)"')


class Here:
    """What stands for what; a value that the server chooses is learned when it is first seen."""

    def __init__(self, ports: Mapping[str, str]) -> None:
        self._ports = ports
        # `${name}` → the value that an answer gave it.
        self._values: dict[str, str] = {}
        # A port that the system chose when it was recorded → the one that it chose here.
        self._chosen: dict[str, str] = {}

    def keep(self, name: str, value: str) -> None:
        """A value that later records name."""
        self._values[name] = value

    def request(self, text: str) -> str:
        """A recorded request, to be sent."""
        fixed = _FIXED.sub(lambda found: self._ports[found[0]], text)
        return Template(fixed).safe_substitute(self._values)

    def answer(self, recorded: str, got: str) -> str:
        """A recorded body, to be equal to `got`."""
        return self.request(self._with_chosen_ports(recorded, got))

    def _with_chosen_ports(self, recorded: str, got: str) -> str:
        """Pair the listening addresses of both in order; each chosen port is another, for good."""
        beside = iter(_LISTEN.findall(got))

        def replace(found: re.Match[str]) -> str:
            host, port = found.groups()
            host_here, port_here = next(beside, ("", ""))
            if not port or int(port) < EPHEMERAL_PORT_MIN:
                return found[0]
            if host_here == host and int(port_here or 0) and port_here not in self._taken():
                self._chosen.setdefault(port, port_here)
            return f'"listen":"{host}{self._chosen.get(port, port)}"'

        return _LISTEN.sub(replace, recorded)

    def _taken(self) -> set[str]:
        return {*self._ports.values(), *self._chosen.values()}


def free_ports() -> dict[str, str]:
    """A port of this machine for each recorded one; held all at once, so that they differ."""
    with ExitStack() as stack:
        sockets = [
            stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in RECORDED_PORTS
        ]
        here = [str(sock.getsockname()[1]) for sock in sockets]
    return dict(zip(map(str, RECORDED_PORTS), here, strict=True))
