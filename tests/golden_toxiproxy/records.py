"""The recorded requests and answers: which there are, in which order, and which are left out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

RECORDED = Path(__file__).parent.parent / "golden" / "toxiproxy"

FIRST = ("misc", "proxies", "populate", "toxics", "reset")
LAST = "slash"
"""Its proxies cannot be deleted; files that are not named here go before it."""

NOT_REPLAYED = {
    "reset-cannot-start": "map order: the original stops at the first failure",
    "index-many": "map order",
    "index-after-failures": "follows from what a resolver and the ports of the machine said",
    "create-listen-badhost": "the text of a resolver",
    "metrics-post": "figures of the original's process",
    "metrics-lines": "figures of the original's process",
}
"""The records that `tests/golden/toxiproxy/README.md` leaves out, by id, and why."""

NOT_THE_API = ("metrics", "timing", "crashes", "os_faults")
"""Recordings of other things; other tests read them."""


class BadRecord(ValueError):
    """A recording that cannot be read: the text names the file and the line."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What the real server answered. Header names are in lower case."""

    status: int
    reason: str
    headers: Mapping[str, str]
    has_request_id: bool
    body: str


@dataclass(frozen=True, slots=True)
class Record:
    """One request and its answer, with `${…}` where an earlier answer chose a value."""

    name: str
    """Where it stands: file, number and id."""
    method: str
    path: str
    headers: Mapping[str, str]
    body: str
    expected: Expected
    captures: Mapping[str, str] = field(default_factory=dict)
    """Variable → the field of the answer that it takes its value from."""


def read_files(directory: Path) -> list[list[Record]]:
    """The records of each file, in the order of replay. Raises `BadRecord`, also for none."""
    paths = {path.stem: path for path in sorted(directory.glob("*.jsonl"))}
    rest = [name for name in paths if name not in (*FIRST, LAST, *NOT_THE_API)]
    files = [_read(paths[name]) for name in (*FIRST, *rest, LAST) if name in paths]
    if not any(files):
        raise BadRecord(f"{directory} holds no recorded request (misc.jsonl, proxies.jsonl, …)")
    return files


def _read(path: Path) -> list[Record]:
    records: list[Record] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            value = json.loads(line)
            if value["id"] not in NOT_REPLAYED:
                records.append(_record(path.stem, value))
        except (KeyError, TypeError, ValueError) as error:
            raise BadRecord(
                f"{path.name}, line {number}: not a recorded request: {error}"
            ) from None
    return records


def _record(file: str, value: Mapping[str, Any]) -> Record:
    request, answer, capture = value["request"], value["response"], value.get("capture")
    return Record(
        name=f"{file} {value['seq']} {value['id']}",
        method=request["method"],
        path=request["path"],
        headers={k: v for k, v in request["headers"].items() if k.lower() != "content-length"},
        body=request.get("body_template") or request["body"] or "",
        expected=Expected(
            answer["status"],
            answer["reason"],
            {name.lower(): text for name, text in answer["headers"].items()},
            answer["has_request_id_header"],
            answer.get("body_template") or answer["body"] or "",
        ),
        captures={capture["var"]: capture["json_path"]} if capture else {},
    )
