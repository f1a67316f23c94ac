"""V1 (`vsn=1.0.0`): one JSON object a message, never binary (`protocol.md §1.5`)."""

from __future__ import annotations

from typing import Any

from harness.protocol import json_text
from harness.protocol.message import Kind, MalformedMessage, Message, Sender, check_names

_REQUIRED = ("topic", "event", "payload", "ref")


class _V1:
    vsn = "1.0.0"

    def encode(self, message: Message, *, sender: Sender = "client") -> str:
        """The frame for a message; the servers write no join_ref, so a server's is left out."""
        if message.kind is not Kind.TEXT:
            raise MalformedMessage(
                f"vsn 1.0.0 has no binary frames; this message is of kind {message.kind.name}"
            )
        fields = _client_fields(message) if sender == "client" else _server_fields(message)
        return json_text.dumps(fields, "the message")

    def decode(self, frame: str | bytes, *, sender: Sender) -> Message:
        """The message in a frame; a binary frame is read as the JSON text that it may hold."""
        fields = json_text.loads(frame, "the frame")
        if not isinstance(fields, dict):
            raise MalformedMessage("a V1 message is a JSON object; this is none")
        missing = [key for key in _REQUIRED if key not in fields]
        if missing:
            raise MalformedMessage(f"the message lacks {', '.join(missing)}")
        join_ref = fields.get("join_ref") if sender == "client" else None
        return check_names(
            Message(fields["topic"], fields["event"], fields["payload"], fields["ref"], join_ref),
            sender,
        )


def _client_fields(message: Message) -> dict[str, Any]:
    fields = {key: getattr(message, key) for key in _REQUIRED}
    if message.join_ref is not None:
        fields["join_ref"] = message.join_ref
    return fields


def _server_fields(message: Message) -> dict[str, Any]:
    return {key: getattr(message, key) for key in ("ref", "event", "payload", "topic")}


V1 = _V1()
"""The codec of `vsn=1.0.0`, which is also that of a URL without `vsn`."""
