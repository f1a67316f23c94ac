"""The recorded WebSocket frames (`tests/golden/README.md`), one by one, for every test's use."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, cast
from urllib.parse import parse_qs, urlsplit

GOLDEN = Path(__file__).parent / "golden"
SERVERS = ("supabase", "phoenix")
"""The folders of WebSocket transcripts, each named after the server that was recorded."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One recorded frame, and where it stands."""

    server: str
    """`supabase` or `phoenix`: the folder."""
    case: str
    """The file's name without `.jsonl`."""
    line: int
    """Counted from 1."""
    dir: Literal["client", "server"]
    kind: Literal["text", "binary"]
    data: str | bytes
    """A text frame's str, a binary frame's bytes. A few text frames of clients are described in
    angle brackets instead of recorded: see `described`."""
    vsn: str
    """From the URL of the frame's connection; 1.0.0 where the URL names none."""
    conn: str
    note: str

    @property
    def where(self) -> str:
        """The frame's place in the recordings: `supabase/heartbeat.v1:4`."""
        return f"{self.server}/{self.case}:{self.line}"

    @property
    def described(self) -> bool:
        """Whether `data` tells what was sent instead of holding it."""
        return isinstance(self.data, str) and self.data.startswith("<")


@cache
def frames() -> tuple[Frame, ...]:
    """Every recorded frame of both servers, in the order of files and lines."""
    paths = [path for server in SERVERS for path in sorted((GOLDEN / server).glob("*.jsonl"))]
    return tuple(frame for path in paths for frame in _of(path))


def _of(path: Path) -> Iterator[Frame]:
    vsn_of_conn: dict[str, str] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        record: dict[str, Any] = json.loads(line)
        conn = record.get("conn", "")
        if record["kind"] == "open" and record["dir"] == "client":
            vsn_of_conn[conn] = _vsn(record["data"])
        elif record["kind"] in ("text", "binary"):
            yield Frame(
                server=path.parent.name,
                case=path.stem,
                line=number,
                dir=record["dir"],
                kind=record["kind"],
                data=_data(record),
                vsn=vsn_of_conn[conn],
                conn=conn,
                note=record.get("note", ""),
            )


def _vsn(url: str) -> str:
    return parse_qs(urlsplit(url).query).get("vsn", ["1.0.0"])[0]


def _data(record: dict[str, Any]) -> str | bytes:
    data = cast("str", record["data"])
    return data if record["kind"] == "text" else base64.b64decode(data, validate=True)
