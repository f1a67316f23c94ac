"""Faults on real sockets: a Toxiproxy-compatible server, and an adapter over toxiproxy-python."""

from harness.toxics import BadToxic
from harness.toxiproxy.client import Toxiproxy
from harness.toxiproxy.client_errors import (
    BadRequest,
    ProxyExists,
    ProxyNotFound,
    ServerFailed,
    ToxicExists,
    ToxicNotFound,
    ToxiproxyError,
    Unreachable,
)
from harness.toxiproxy.client_proxy import Proxy, ToxicState
from harness.toxiproxy.off_loop import off_loop, within
from harness.toxiproxy.process import EmbeddedToxiproxy

__all__ = [
    "BadRequest",
    "BadToxic",
    "EmbeddedToxiproxy",
    "Proxy",
    "ProxyExists",
    "ProxyNotFound",
    "ServerFailed",
    "ToxicExists",
    "ToxicNotFound",
    "ToxicState",
    "Toxiproxy",
    "ToxiproxyError",
    "Unreachable",
    "off_loop",
    "within",
]
