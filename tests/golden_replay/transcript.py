"""A recorded case as it lies on disk: what the client did, what came back, and when that was.

The format is that of `tests/golden/README.md`, section "Transcript format".
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from harness.protocol import V1, V2, MalformedMessage, Message

HTTP = ""
"""The place of plain HTTP answers among the connections."""
LOST = 1006
TOKEN = re.compile(r"eyJ[\w-]+\.([\w-]+)\.[\w-]*")
_SETTING = re.compile(r"\b([A-Z][A-Z_]+_MS)=(\d+)")

Line = Mapping[str, Any]


class BadTranscript(ValueError):
    """A file that is no transcript; names the file, the line and what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One thing that a server sent: text, binary, an answer to an upgrade or a call, a close; or
    the number (`count`) of frames that are not listed.

    `body` is the text itself, the bytes as Latin-1, or for answers the status, the headers in
    order of their names, and the body.
    """

    kind: str
    body: str

    @property
    def message(self) -> Message | None:
        """What a text frame says; None for all others, and for what is no message."""
        if self.kind != "text":
            return None
        try:
            codec = V2 if self.body.startswith("[") else V1
            return codec.decode(self.body, sender="server")
        except MalformedMessage:
            return None


@dataclass(frozen=True, slots=True)
class Arrival:
    """A frame, and when it came, seconds after the start of the case."""

    at_s: float
    frame: Frame
    line: int = 0
    """Where it stands in the file, from 1; 0 if it was not recorded."""


Arrivals = dict[str, list[Arrival]]
"""What came, in order, by connection."""


UNKNOWN_CLOSE = Frame("close", "with a code that nobody recorded")


def answer(
    kind: str, status: int, reason: str, headers: Iterable[tuple[str, str]], body: str
) -> Frame:
    """An HTTP answer as a frame; the case and the order of header names mean nothing in HTTP."""
    lines = sorted(f"{name.lower()}: {value}" for name, value in headers)
    return Frame(kind, "\n".join([f"{status} {reason}".strip(), *lines, "", body]))


def closed(code: int, reason: str, by: str) -> Frame:
    """The end of a connection."""
    return Frame("close", f"{code} {reason!r} by {by}")


@dataclass(frozen=True)
class Case:
    """One transcript."""

    name: str
    lines: tuple[Line, ...]

    @classmethod
    def read(cls, path: Path) -> Case:
        """Read a file. Raises `BadTranscript`, also for what cannot be read."""
        lines: list[Line] = []
        try:
            for text in path.read_text(encoding="utf-8").splitlines():
                line = json.loads(text)
                lines.append({key: line[key] for key in ("t", "dir", "kind", "data")} | line)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise BadTranscript(f"{path}, line {len(lines) + 1}: {error!r}") from None
        return cls(path.name.removesuffix(".jsonl"), tuple(lines))

    @cached_property
    def started_s(self) -> float:
        """When it was recorded, seconds since the epoch, as far as dates and tokens tell.

        A `Date` header shows the second; a token was born before it was sent.
        """
        dates = [
            parsedate_to_datetime(value).timestamp() - float(line["t"])
            for line in self.lines
            if line["dir"] == "server" and isinstance(line["data"], dict)
            for name, value in line["data"].get("headers", ())
            if name == "date"
        ]
        births = [
            (_issued_s(body), float(line["t"]))
            for line in self.lines
            for body in TOKEN.findall(json.dumps(line["data"]))
        ]
        if dates:
            return max(dates + [born_s - sent_s for born_s, sent_s in births])
        return max((born_s for born_s, _ in births), default=0.0)

    @cached_property
    def ends_s(self) -> float:
        """When the last line was written."""
        return max((float(line["t"]) for line in self.lines), default=0.0)

    @cached_property
    def settings_ms(self) -> dict[str, int]:
        """The settings that the server was started with, which the case's note tells."""
        notes = " ".join(str(line.get("note")) for line in self.lines if line["kind"] == "case")
        return {name: int(value) for name, value in _SETTING.findall(notes)}

    @cached_property
    def inputs(self) -> str:
        """Everything that the server was given, as one text."""
        given = (line for line in self.lines if line["dir"] == "client" or line["kind"] == "sql")
        return "\n".join(
            line["data"] if isinstance(line["data"], str) else json.dumps(line["data"])
            for line in given
        )

    @cached_property
    def pushes(self) -> dict[tuple[str, str, str | None], list[tuple[int, Message]]]:
        """What the client pushed, with the lines, by connection, topic and event."""
        found: dict[tuple[str, str, str | None], list[tuple[int, Message]]] = {}
        for number, line in enumerate(self.lines, 1):
            if line["dir"] == "client" and line["kind"] == "text":
                message = pushed(line["data"])
                if message is not None:
                    key = (place(line), str(message.topic), message.event)
                    found.setdefault(key, []).append((number, message))
        return found

    @cached_property
    def expected(self) -> Arrivals:
        """What the real server sent, by connection."""
        found: Arrivals = {}
        hung_up: dict[str, None] = {}
        for number, line in enumerate(self.lines, 1):
            if line["dir"] == "client" and line["kind"] == "close":
                hung_up[place(line)] = None
            frame = _recorded(line, "client" if place(line) in hung_up else "server")
            if frame is not None:
                arrival = Arrival(float(line["t"]), frame, number)
                found.setdefault(place(line), []).append(arrival)
        return found


def place(line: Line) -> str:
    """The connection that a line belongs to."""
    inner = line["data"].get("conn") if isinstance(line["data"], dict) else None
    return str(line.get("conn", inner) or HTTP)


def pushed(text: str) -> Message | None:
    """The message of a client's text frame; None if it is none."""
    try:
        return (V2 if text.startswith("[") else V1).decode(text, sender="client")
    except MalformedMessage:
        return None


def _issued_s(body: str) -> float:
    claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return float(claims.get("iat", 0))


def _count(data: Any) -> int:
    numbers = data.values() if isinstance(data, dict) else [data]
    return next(int(number) for number in numbers if not isinstance(number, str | bool))


def _recorded(line: Line, closed_by: str) -> Frame | None:
    data = line["data"]
    match line["dir"], line["kind"]:
        case "server", "text":
            return Frame("text", data)
        case "server", "binary":
            return Frame("binary", base64.b64decode(data).decode("latin-1"))
        case "server", "pong":
            return Frame("pong", "")
        case "server", "open":
            status, headers = data["status"], data.get("headers")
            return (
                Frame("open", str(status))
                if headers is None
                else answer("open", status, "", headers, "")
            )
        case "server", "http_error":
            return answer(
                "refused", data["status"], data["reason"], data["headers"], data["body"] or ""
            )
        case "server", "http":
            return answer("http", data["status"], "", data["headers"], data["body"] or "")
        case "server" | "event", "close" if isinstance(data, dict):
            by = data.get("initiated_by", closed_by)
            return (
                UNKNOWN_CLOSE if data["code"] is None else closed(data["code"], data["reason"], by)
            )
        case "event", "count":
            return Frame("count", str(_count(data)))
        case "event", "open_failed":
            return Frame("open_failed", data.partition(":")[0])
        case "server", kind:
            return Frame(str(kind), json.dumps(data))
    return None
