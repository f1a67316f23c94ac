"""The history: the one record of a run, and the only thing that a checker sees.

A history is a header and a list of ops in the order in which they happened. Client calls are
recorded twice, as Jepsen does: `invoke`, then `ok` (it happened), `fail` (it certainly did not) or
`info` (nobody knows). Everything that merely happens is an `info`.

Who writes which op (`f`: keys of `value`):

* a client process (`client-0`, `client-1`, …)
  * calls: `open`; `subscribe`: topic, changes (where it listens to changes of tables: a list of
    event, schema, table); `leave`: topic; `broadcast`: topic, id; `set_token`:
    token_id; `close` (no channel is wanted or claimed from its beginning on)
    The completion of a call that the runner gave up says besides that it is `unanswered`.
  * events: `joined`: topic; `lost`: topic, reason; `closed`: topic, reason (the client gave the
    channel up and said so); `received`: topic, id, sender
  * events of its feed of changes: `feed_live`: topic (changes are delivered from now on);
    `feed_lost`: topic, reason; `feed_gap`: topic, last_s (changes committed in the last so many
    seconds may be missing); `changed`: topic, id (of the row)
* `source`, which publishes from the server's own side as a REST call would, past every fault
  * calls: `broadcast`: topic, id (whole numbers that rise by one for each topic); `insert`: table,
    id (a row, numbered in the same way)
* `nemesis`, before it acts (`invoke`) and after (`info`)
  * `start` and `heal`: fault, and the fault's own parameters, defaults too; `start` says besides
    what shows that it was felt (`felt_by`), what no client can keep meanwhile (`spoils`) and whom
    it is for, if not for all (`victims`), and an `info` how much the server struck (`hits`), where
    it can tell
* `server`, the ground truth
  * `handshake`: conn, client; `refused`: status, client; `disconnect`: conn, client, code, by
  * `join`: conn, client, topic, join_ref, token_id; `leave`: conn, client, topic, join_ref, by
  * `frame`: conn, client, topic, event, ref, join_ref, id (each frame a client sent)
  * `membership`: members, a list of conn, client, topic, join_ref (the last act of a run)
* `network`, where the world sees it
  * `dial`: outcome (`accepted`, `refused`, `lost`)
* `run`
  * `phase`: phase (`steady`, `faults`, `calm`, `final`, `end`)
  * `unreadable`: why (a client said what its contract does not know; the run is not judged)
  * `wanted`: client, topic, wanted (whether the application wants this channel from here on)
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

SCHEMA = "squall.history/1"

Type = Literal["invoke", "ok", "fail", "info"]
_TYPES = frozenset(get_args(Type))
FaultsFelt = Literal["each", "any"]


class MalformedHistory(ValueError):
    """A history file that does not read: names the line and the rule."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Op:
    """One thing that one process did or saw."""

    process: str
    type: Type
    f: str
    value: Mapping[str, Any] = field(default_factory=dict)
    time_s: float = 0.0
    """Seconds since the run began, by the world's clock."""
    id: int | None = None
    """Pairs an `invoke` with its completion."""
    error: str | None = None
    """Why it failed, in words without secrets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What was run, and the bounds that the checkers hold it to."""

    scenario: str
    client: str
    world: str
    seed: int
    clients: int = 1
    """How many client processes the workload runs."""
    recovery_within_s: float = 45.0
    """Seconds after the last fault act within which each wanted channel must work again."""
    detect_within_s: float = 37.5
    """Seconds of silence after which a client must no longer claim to be joined."""
    grace_s: float = 0.0
    """Seconds after a client's recovery in which a lost message is still excused."""
    faults_felt: FaultsFelt = "each"
    """Which faults must have been felt, or the run shows nothing: each of them, or any at all."""
    versions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class History:
    """A header and its ops, in order of time."""

    header: Header
    ops: tuple[Op, ...]

    def __iter__(self) -> Iterator[Op]:
        return iter(self.ops)

    def where(self, f: str, *, process: str | None = None, type: Type | None = None) -> list[Op]:
        """The ops of one kind, in order; `process` and `type` narrow it down."""
        return [
            op
            for op in self.ops
            if op.f == f
            and (process is None or op.process == process)
            and (type is None or op.type == type)
        ]


def header_line(header: Header) -> str:
    """The first line of a history file."""
    return _line({"schema": SCHEMA, **asdict(header)})


def op_line(op: Op) -> str:
    """One line of a history file; keys that say nothing are left out."""
    fields = {
        "time_s": round(op.time_s, 6),
        "process": op.process,
        "type": op.type,
        "f": op.f,
        "value": dict(op.value) or None,
        "id": op.id,
        "error": op.error,
    }
    return _line({key: value for key, value in fields.items() if value is not None})


def _line(fields: Mapping[str, Any]) -> str:
    return json.dumps(fields, separators=(",", ":"), ensure_ascii=False) + "\n"


def read_history(lines: Iterable[str]) -> History:
    """Read what `header_line` and `op_line` wrote.

    A last line without its end is what a killed run leaves behind, and is left out. Raises
    `MalformedHistory`, naming the line, for anything else that does not read.
    """
    numbered = ((number, line) for number, line in enumerate(lines, 1) if line.endswith("\n"))
    try:
        number, first = next(numbered)
    except StopIteration:
        raise MalformedHistory(
            "line 1: the file is empty; a history begins with its header"
        ) from None
    header = _header(_object(number, first))
    return History(header, tuple(_op(number, _object(number, line)) for number, line in numbered))


def _object(number: int, line: str) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except ValueError as error:
        raise MalformedHistory(f"line {number}: not JSON ({error})") from None
    if not isinstance(value, dict):
        raise MalformedHistory(f"line {number}: a {type(value).__name__}, not an object")
    return value


def _header(fields: dict[str, Any]) -> Header:
    if fields.pop("schema", None) != SCHEMA:
        raise MalformedHistory(f"line 1: schema is not {SCHEMA!r}, which this version reads")
    try:
        return Header(**fields)
    except TypeError as error:
        raise MalformedHistory(f"line 1: {error}") from None


def _op(number: int, fields: dict[str, Any]) -> Op:
    if fields.get("type") not in _TYPES:
        raise MalformedHistory(
            f"line {number}: type {fields.get('type')!r} is none of {sorted(_TYPES)}"
        )
    if not isinstance(fields.get("value", {}), dict):
        raise MalformedHistory(f"line {number}: value is not an object")
    try:
        return Op(**fields)
    except TypeError as error:
        raise MalformedHistory(f"line {number}: {error}") from None
