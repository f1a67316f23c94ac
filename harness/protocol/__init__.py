"""The wire format of Supabase Realtime: messages, their names, and the codecs of both versions.

A frame becomes a `Message` and a `Message` a frame; nothing here does I/O or keeps state. `V1` and
`V2` are the two serialisers that a client chooses between with the `vsn` of its URL
(`protocol.md §1.1`, `§1.5`), `codec_for` negotiates one as the server does:

* `message`    what goes over the wire, and `MalformedMessage`, the one error of this room
* `names`      events and topics that the protocol itself uses
* `v1`, `v2`   JSON objects; JSON arrays and the binary kinds of `binary`
* `json_text`  JSON as the server reads it, within bounds
* `codec`      what the two codecs have in common

What the codecs accept is what the real servers accepted when they were recorded (`tests/golden`).
They take frames from strangers: whatever the bytes are, the answer is a `Message` or a
`MalformedMessage`, and the error never quotes a payload, for payloads carry access tokens.
"""

from harness.protocol.codec import Codec, UnsupportedVersion, codec_for
from harness.protocol.message import Kind, MalformedMessage, Message, Reply, Sender, UserBroadcast
from harness.protocol.names import (
    ACCESS_TOKEN,
    BROADCAST,
    HEARTBEAT,
    PHOENIX,
    PHX_CLOSE,
    PHX_ERROR,
    PHX_JOIN,
    PHX_LEAVE,
    PHX_REPLY,
    POSTGRES_CHANGES,
    PRESENCE,
    PRESENCE_DIFF,
    PRESENCE_STATE,
    SYSTEM,
    TOPIC_PREFIX,
)
from harness.protocol.v1 import V1
from harness.protocol.v2 import V2

__all__ = [
    "ACCESS_TOKEN",
    "BROADCAST",
    "HEARTBEAT",
    "PHOENIX",
    "PHX_CLOSE",
    "PHX_ERROR",
    "PHX_JOIN",
    "PHX_LEAVE",
    "PHX_REPLY",
    "POSTGRES_CHANGES",
    "PRESENCE",
    "PRESENCE_DIFF",
    "PRESENCE_STATE",
    "SYSTEM",
    "TOPIC_PREFIX",
    "V1",
    "V2",
    "Codec",
    "Kind",
    "MalformedMessage",
    "Message",
    "Reply",
    "Sender",
    "UnsupportedVersion",
    "UserBroadcast",
    "codec_for",
]
