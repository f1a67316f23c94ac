"""What both codecs offer, and how a server chooses between them."""

from __future__ import annotations

import re
from typing import Protocol

from harness.protocol.message import Message, Sender
from harness.protocol.v1 import V1
from harness.protocol.v2 import V2


class Codec(Protocol):
    """One version of the serialiser: pure, without state, for both ends of the wire."""

    @property
    def vsn(self) -> str:
        """The version, as it stands in the URL."""

    def encode(self, message: Message, *, sender: Sender = "client") -> str | bytes:
        """The frame that `sender` writes: text for `Kind.TEXT`, bytes for the binary kinds.

        Raises `MalformedMessage` for what this version or direction cannot carry.
        """

    def decode(self, frame: str | bytes, *, sender: Sender) -> Message:
        """The message in a frame that `sender` wrote; a text frame is a str, a binary one bytes.

        Raises `MalformedMessage` for everything that is no message, and nothing else.
        """


class UnsupportedVersion(ValueError):
    """A `vsn` that the server refuses, with HTTP 403 and no body (`protocol.md §1.1`)."""


_CODECS: dict[str, Codec] = {"1": V1, "2": V2}
_VSN = re.compile(r"(?P<major>[12])\.0\.(0|[1-9][0-9]{0,8})")


def codec_for(vsn: str) -> Codec:
    """The codec that the server chooses for a `vsn`: any 1.0.x or 2.0.x, and nothing shorter.

    A URL without `vsn` means 1.0.0. Raises `UnsupportedVersion` for everything else.
    """
    match = _VSN.fullmatch(vsn)
    if match is None:
        raise UnsupportedVersion(f"vsn {vsn[:32]!r} is not supported: say 1.0.0 or 2.0.0")
    return _CODECS[match["major"]]
