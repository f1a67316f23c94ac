"""The lines of a case, recorded or played: the same form for both."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class BadRecording(ValueError):
    """A recording that cannot be read: names file, line and the rule."""


@dataclass(frozen=True, slots=True)
class Line:
    """Something that somebody did or saw, `t` seconds after the client's `connect`."""

    t: float
    who: str
    what: str
    data: Any


@dataclass(frozen=True, slots=True)
class Transcript:
    """One case: its lines in order, and the summary that its player made of them."""

    lines: tuple[Line, ...]
    summary: Mapping[str, Any]

    def of(self, who: str, what: str) -> Iterator[Line]:
        """The lines of one kind, in order."""
        return (line for line in self.lines if (line.who, line.what) == (who, what))

    def write(self, path: Path) -> None:
        """Write it as the recordings are."""
        lines: list[dict[str, Any]] = [
            {"t": round(line.t, 3), "who": line.who, "what": line.what, "data": line.data}
            for line in self.lines
        ]
        last_s = lines[-1]["t"] if lines else 0.0
        lines.append({"t": last_s, "who": "summary", **self.summary})
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
        path.write_text(text, encoding="utf-8")


def read(path: Path) -> Transcript:
    """A transcript from its file. Raises `BadRecording`."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise BadRecording(f"{path}: cannot be read: {error.strerror}") from None
    return parse(str(path), text.splitlines())


def parse(name: str, text: Iterable[str]) -> Transcript:
    """A transcript from its lines of JSON. Raises `BadRecording`."""
    lines: list[Line] = []
    summary: Mapping[str, Any] | None = None
    for number, line in enumerate(text, 1):
        try:
            value = json.loads(line)
            if value["who"] == "summary":
                summary = value
            else:
                lines.append(Line(value["t"], value["who"], value["what"], value["data"]))
        except (ValueError, KeyError, TypeError):
            raise BadRecording(f"{name}:{number}: is no line of a recording") from None
    if summary is None:
        raise BadRecording(f"{name}: has no summary; the last line of a recording is one")
    return Transcript(tuple(lines), summary)
