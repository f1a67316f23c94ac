"""Who is told what of a change: one text for each role and selection of columns (§3.1, §3.2)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from fake_server.changes import payload
from fake_server.changes.feed import Subscriber
from fake_server.changes.log import Logged
from fake_server.changes.subscriptions import Made
from fake_server.database import Change, Database


@dataclass(slots=True)
class Told:
    """One text and the channels that get it, each with the ids of the subscriptions it is for."""

    kind: str
    data: str
    receivers: list[tuple[Any, list[int]]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Asked:
    """The subscriptions of one channel that ask for changes of this kind of this table."""

    subscriber: Subscriber
    made: list[Made]


def told(change: Change, subscribers: Sequence[Subscriber], database: Database) -> list[Told]:
    """What a change comes to. Raises `DatabaseError` for a filter or a policy that raises; then
    the real database tells nothing to anybody."""
    table = database.table(*change.table.key)
    if table is None or not table.published:
        # It has left the publication since.
        return []
    logged, by_role = Logged(change), _by_role(change, subscribers)
    return [
        row
        for role in sorted(by_role)
        for row in _of_role(logged, by_role[role], database)
        if row.receivers
    ]


def _by_role(change: Change, subscribers: Sequence[Subscriber]) -> dict[str, list[_Asked]]:
    found: dict[str, list[_Asked]] = {}
    for subscriber in subscribers:
        made = [each for each in subscriber.made if each.wants(change.table, change.kind)]
        if made:
            found.setdefault(subscriber.caller.role, []).append(_Asked(subscriber, made))
    return found


def _of_role(logged: Logged, asked: list[_Asked], database: Database) -> Iterator[Told]:
    caller, change = asked[0].subscriber.caller, logged.change
    readable = logged.readable(caller)
    error = _refusal(logged, readable)
    if error is None:
        asked = [_Asked(each.subscriber, _visible(each, logged, database)) for each in asked]
    for selected in sorted({made.selected for each in asked for made in each.made}):
        if error is None:
            text = payload.data(logged, readable, selected)
        else:
            text = payload.refusal(change, error)
        row = Told(change.kind, text)
        for each in asked:
            ids = [made.id for made in each.made if made.selected == selected]
            if ids:
                row.receivers.append((each.subscriber.channel, ids))
        yield row


def _refusal(logged: Logged, readable: frozenset[str]) -> str | None:
    """Why the whole role is shown nothing but an error; whoever was deleted is told to all."""
    key = logged.table.primary_key
    if logged.change.kind == "DELETE":
        return None
    if not key:
        return payload.NO_PRIMARY_KEY
    return None if readable.issuperset(key) else payload.UNAUTHORIZED


def _visible(asked: _Asked, logged: Logged, database: Database) -> list[Made]:
    """The subscriptions whose filters and row policies let the change pass."""
    fitting = [each for each in asked.made if each.fits(logged.table, logged.filtered)]
    new = logged.change.new
    if not fitting or new is None:
        return fitting
    sees = database.visible(logged.table, new, asked.subscriber.caller)
    return fitting if sees else []
