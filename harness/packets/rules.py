"""What happens to packets on the way between clients and a server, as rules of nftables."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

Rule = str
"""One rule of an input chain."""

LOSS_STEPS = 10_000


@dataclass(frozen=True, slots=True)
class Way:
    """How some clients reach the server: an address of loopback that is theirs alone, and its port.

    Who listens on all addresses of loopback is reached by each, and each can be told apart.
    """

    address: str
    port: int

    @property
    def up(self) -> str:
        """Matches what clients send."""
        return f"ip daddr {self.address} tcp dport {self.port}"

    @property
    def down(self) -> str:
        """Matches what the server sends."""
        return f"ip saddr {self.address} tcp sport {self.port}"

    @property
    def filter(self) -> tuple[str, ...]:
        """The server's ends of its connections, in the words of `ss`."""
        return "src", self.address, "sport", "=", f":{self.port}"


def dropped(way: Way, *, up: bool, down: bool) -> list[Rule]:
    """Packets vanish; nobody is told, and TCP sends them again."""
    return [*([f"{way.up} drop"] if up else []), *([f"{way.down} drop"] if down else [])]


def lost(way: Way, share: float) -> list[Rule]:
    """Each packet vanishes with a probability, either way. The kernel draws; no seed fixes it."""
    few = f"numgen random mod {LOSS_STEPS} < {round(share * LOSS_STEPS)} drop"
    return [f"{way.up} {few}", f"{way.down} {few}"]


def new_refused(way: Way) -> list[Rule]:
    """Who connects or sends is answered with an RST."""
    return [f"{way.up} reject with tcp reset"]


def unreachable(way: Way, what: str) -> list[Rule]:
    """Who connects or sends is told by a router that there is no way to the `host` or `net`."""
    return [f"{way.up} reject with icmp type {what}-unreachable"]


def new_stalled(way: Way) -> list[Rule]:
    """A connect gets no answer; live connections go on."""
    return [f"{way.up} tcp flags & (syn | ack) == syn drop"]


def only_flows(way: Way, client_ports: Iterable[int]) -> list[Rule]:
    """Nothing passes on these connections, as when a NAT forgot them; new ones work."""
    ports = ", ".join(map(str, client_ports))
    return [f"{way.up} tcp sport {{ {ports} }} drop", f"{way.down} tcp dport {{ {ports} }} drop"]


def table(name: str, rules: Iterable[Rule]) -> str:
    """A table that holds the rules, to be loaded whole.

    On the input hook: dropped on output, the sender's own kernel would know of it.
    """
    lines = [f"    {rule}" for rule in rules]
    chain = ["  chain input {", "    type filter hook input priority 0; policy accept;"]
    return "\n".join([f"table inet {name} {{", *chain, *lines, "  }", "}", ""])
