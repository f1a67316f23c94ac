"""V2 (`vsn=2.0.0`): JSON arrays, and the binary kinds for broadcasts (`protocol.md §1.5`)."""

from __future__ import annotations

from harness.protocol import binary, json_text
from harness.protocol.message import Kind, MalformedMessage, Message, Sender, check_names

_LENGTH_MIN = 5


class _V2:
    vsn = "2.0.0"

    def encode(self, message: Message, *, sender: Sender = "client") -> str | bytes:
        """The frame for a message: bytes for the binary kinds that `sender` may write."""
        if message.kind is not Kind.TEXT:
            return binary.encode(message, sender)
        fields = [message.join_ref, message.ref, message.topic, message.event, message.payload]
        return json_text.dumps(fields, "the message")

    def decode(self, frame: str | bytes, *, sender: Sender) -> Message:
        """The message in a frame; elements after the fifth are ignored, as the server does."""
        if not isinstance(frame, str):
            return binary.decode(frame, sender)
        fields = json_text.loads(frame, "the frame")
        if not isinstance(fields, list):
            raise MalformedMessage("a V2 message is a JSON array; this is none")
        if len(fields) < _LENGTH_MIN:
            raise MalformedMessage(
                f"a V2 message has {_LENGTH_MIN} elements: join_ref, ref, topic, event, payload; "
                f"this has {len(fields)}"
            )
        join_ref, ref, topic, event, payload = fields[:_LENGTH_MIN]
        return check_names(Message(topic, event, payload, ref, join_ref), sender)


V2 = _V2()
"""The codec of `vsn=2.0.0`."""
