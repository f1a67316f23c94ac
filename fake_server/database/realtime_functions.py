"""`realtime.send`, `send_binary` and `broadcast_changes`, and functions that need the database."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fake_server.database import functions
from fake_server.database.catalog import OWNER
from fake_server.database.errors import DatabaseError
from fake_server.database.scope import Scope
from fake_server.database.store import Store
from fake_server.database.typed import Typed, coerce

_VOID = Typed("text", "")

Parameters = dict[str, tuple[str, Any]]
"""Name → type and default; `...` for a parameter without one."""

_SEND: Parameters = {
    "payload": ("jsonb", ...),
    "event": ("text", ...),
    "topic": ("text", ...),
    "private": ("bool", True),
}
_BROADCAST_CHANGES: Parameters = {
    "topic_name": ("text", ...),
    "event_name": ("text", ...),
    "operation": ("text", ...),
    "table_name": ("text", ...),
    "table_schema": ("text", ...),
    "new": ("jsonb", ...),
    "old": ("jsonb", ...),
    "level": ("text", "ROW"),
}


def call(
    database: Store,
    name: str,
    arguments: list[Typed],
    named: dict[str, Typed],
    scope: Scope,
) -> Typed:
    """Call any function. Raises `DatabaseError` 42883 for one that is not known."""
    if name in ("gen_random_uuid", "uuid_generate_v4", "extensions.uuid_generate_v4"):
        return Typed("uuid", functions.random_uuid(database.rng))
    if name not in _REALTIME:
        if named:
            raise DatabaseError("42883", f"function {name} does not exist with named arguments")
        return functions.call(name, arguments, scope)
    parameters, function = _REALTIME[name]
    function(database, scope.now_s, **_bind(name, parameters, arguments, named))
    return _VOID


def _bind(
    name: str, parameters: Parameters, arguments: list[Typed], named: dict[str, Typed]
) -> dict[str, Any]:
    given = dict(zip(parameters, arguments, strict=False)) | named
    required = [key for key, (_, default) in parameters.items() if default is ...]
    if (
        len(arguments) > len(parameters)
        or any(key not in parameters for key in named)
        or any(key not in given for key in required)
    ):
        kinds = ", ".join(item.type for item in (*arguments, *named.values()))
        raise DatabaseError("42883", f"function {name}({kinds}) does not exist")
    return {
        key: coerce(given[key], kind).value if key in given else default
        for key, (kind, default) in parameters.items()
    }


def _send(
    database: Store, now_s: float, payload: Any, event: Any, topic: Any, private: Any
) -> None:
    """Store a message; what it cannot store it passes over, as the real one does with a warning."""
    if not isinstance(payload, dict):
        return
    message_id = functions.random_uuid(database.rng)
    payload = payload if "id" in payload else {**payload, "id": message_id}
    _store(database, now_s, message_id, event, topic, private, payload=payload)


def _send_binary(
    database: Store, now_s: float, payload: Any, event: Any, topic: Any, private: Any
) -> None:
    message_id = functions.random_uuid(database.rng)
    _store(database, now_s, message_id, event, topic, private, binary_payload=payload)


def _store(
    database: Store,
    now_s: float,
    message_id: str,
    event: Any,
    topic: Any,
    private: Any,
    **content: Any,
) -> None:
    row = {"id": message_id, "event": event, "topic": topic, "private": private, **content}
    if topic is not None:
        table = database.messages_table
        database.insert_stored(table, [{**row, "extension": "broadcast"}], OWNER, now_s)


def _unprocessed(reason: str) -> DatabaseError:
    return DatabaseError("P0001", f"Failed to process the row: {reason}")


def _broadcast_changes(database: Store, now_s: float, **given: Any) -> None:
    if given["level"] == "STATEMENT":
        raise _unprocessed("function can only be triggered for each row, not for each statement")
    if given["operation"] not in ("INSERT", "UPDATE", "DELETE"):
        raise _unprocessed(f"Unexpected operation type: {given['operation'] or '<NULL>'}")
    payload = {
        "old_record": given["old"],
        "record": given["new"],
        "operation": given["operation"],
        "table": given["table_name"],
        "schema": given["table_schema"],
    }
    _send(database, now_s, payload, given["event_name"], given["topic_name"], True)


_REALTIME: dict[str, tuple[Parameters, Callable[..., None]]] = {
    "realtime.send": (_SEND, _send),
    "realtime.send_binary": ({**_SEND, "payload": ("bytea", ...)}, _send_binary),
    "realtime.broadcast_changes": (_BROADCAST_CHANGES, _broadcast_changes),
}
