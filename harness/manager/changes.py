"""Changes of tables: what a channel asks to hear of, and one change as the application gets it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from harness.manager.errors import InvalidSetting
from harness.protocol import POSTGRES_CHANGES, MalformedMessage

ChangeEvent = Literal["INSERT", "UPDATE", "DELETE", "*"]
_EVENTS: Sequence[str] = get_args(ChangeEvent)
ANY: Literal["*"] = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeBinding:
    """Which changes a channel is to be told of (`protocol.md §3.3`).

    Raises `InvalidSetting` for what the server would not take. A table that it does not publish, or
    a filter on a column that is not there, only the server can know: see `FeedLost`.
    """

    event: ChangeEvent = ANY
    """The kind of change; `*` is all of them."""
    schema: str = "public"
    """`*` is every schema."""
    table: str = ANY
    """`*` is every table that is published."""
    filter: str | None = None
    """As `user_id=eq.7`; several joined by commas must all hold."""

    def __post_init__(self) -> None:
        if self.event not in _EVENTS:
            raise InvalidSetting(f"event={self.event!r}: say one of {', '.join(_EVENTS)}")
        for name in ("schema", "table"):
            value = getattr(self, name)
            if not isinstance(value, str) or not value:
                raise InvalidSetting(f"{name}={value!r} must be a name, or {ANY!r}")
        if self.filter is not None and not (isinstance(self.filter, str) and self.filter.strip()):
            raise InvalidSetting(f"filter={self.filter!r}: say column=operator.value, or None")

    def wire(self) -> dict[str, str]:
        """As a join carries it."""
        wanted = {"event": self.event, "schema": self.schema, "table": self.table}
        return wanted if self.filter is None else {**wanted, "filter": self.filter}

    def is_echoed_by(self, entry: Mapping[str, Any]) -> bool:
        """Whether an entry of the server's answer means this one: by content, whatever the order,
        and whatever else it says."""
        event = str(entry.get("event", ANY)).upper()
        said = (event, entry.get("schema"), entry.get("table"), entry.get("filter") or None)
        return said == (self.event, self.schema, self.table, self.filter)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One committed change of a row (`protocol.md §3.1`).

    A channel gets the changes in the order of their commits, each at most once, 0.1 to 0.5 s late.
    """

    bindings: tuple[ChangeBinding, ...]
    """Those of the channel that asked for it."""
    type: str
    """`INSERT`, `UPDATE` or `DELETE`."""
    schema: str
    table: str
    record: Mapping[str, Any] | None = field(repr=False)
    """The new row, as far as the token may see it; None for a DELETE."""
    old_record: Mapping[str, Any] | None = field(repr=False)
    """What identifies the old row; None for an INSERT."""
    commit_timestamp: str | None
    """By the server's clock, in UTC, as ISO 8601 with milliseconds; None where `errors` say why."""
    errors: tuple[str, ...] = ()
    """Why the rows are not complete (`protocol.md §3.2`)."""


Ids = Mapping[int, Sequence[ChangeBinding]]
"""The bindings of a channel, by the ids that the server gave them; identical ones share one."""


def ids_of(bindings: Sequence[ChangeBinding], response: Any) -> Ids:
    """What the answer to a join calls each binding; one that it does not echo is missing."""
    answered = response.get(POSTGRES_CHANGES) if isinstance(response, dict) else None
    found: dict[int, list[ChangeBinding]] = {}
    for entry in answered if isinstance(answered, list) else ():
        if isinstance(entry, dict) and _is_id(entry.get("id")):
            echoed = [one for one in bindings if one.is_echoed_by(entry)]
            found.setdefault(entry["id"], []).extend(
                one for one in echoed[:1] if one not in found[entry["id"]]
            )
    return {id: of_id for id, of_id in found.items() if of_id}


def change_of(payload: Any, ids: Ids) -> Change | None:
    """The change in a `postgres_changes` message; None if no binding of ours asked for it.

    Raises `MalformedMessage`.
    """
    fields = _object(payload, "the payload of a change")
    named = fields.get("ids")
    if not isinstance(named, list) or not all(map(_is_id, named)):
        raise MalformedMessage("the ids of a change are no list of whole numbers")
    asked = dict.fromkeys(binding for id in named for binding in ids.get(id, ()))
    if not asked:
        return None
    data = _object(fields.get("data"), "the data of a change")
    return Change(
        bindings=tuple(asked),
        type=_text(data, "type"),
        schema=_text(data, "schema"),
        table=_text(data, "table"),
        record=_row(data, "record"),
        old_record=_row(data, "old_record"),
        commit_timestamp=None
        if data.get("commit_timestamp") is None
        else str(data["commit_timestamp"]),
        errors=_errors(data.get("errors")),
    )


def _is_id(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _object(value: Any, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise MalformedMessage(f"{what} is not an object")
    return value


def _text(data: Mapping[str, Any], name: str) -> str:
    if not isinstance(data.get(name), str):
        raise MalformedMessage(f"the {name} of a change is no text")
    return str(data[name])


def _row(data: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    return _object(data[name], f"the {name} of a change") if data.get(name) is not None else None


def _errors(value: Any) -> tuple[str, ...]:
    if value is not None and not isinstance(value, list):
        raise MalformedMessage("the errors of a change are no list")
    return tuple(map(str, value or ()))
