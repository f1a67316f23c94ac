"""Broadcasts over HTTP: a batch of messages, or a single one (`protocol.md §4.4`, `§4.5`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from fake_server.core.state import State
from fake_server.elixir import external_size, sorted_keys
from fake_server.features import broadcast, link
from fake_server.http import Request, Response, json_response
from fake_server.http.message import words
from fake_server.switches.trouble import Trouble
from fake_server.tokens import Claims, TokenRefused, verify
from harness.protocol import MalformedMessage, UserBroadcast, json_text

_BLANK = "can't be blank"
_INVALID = "is invalid"
_TOO_LARGE = "Payload size exceeds tenant limit"
_OVER_LIMIT = "You have exceeded your rate limit"
_BATCH_TOO_LARGE = "Too many messages to broadcast, please reduce the batch size"
_UNSUPPORTED = "Unsupported Media Type. Use application/json or application/octet-stream"
_BINARY = "application/octet-stream"
_TRUE, _FALSE = (True, "true", "1"), (False, "false", "0")

Errors = dict[str, list[str]]


class _Refused(Exception):
    """A request that is answered with an error."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status)
        self.response = response


@dataclass(frozen=True, slots=True)
class _Posted:
    """One message of a batch that can be sent."""

    topic: str
    event: str
    payload: dict[str, Any] = field(repr=False)
    private: bool
    id: str | None


def batch(state: State, request: Request, now_s: float) -> Response:
    """Send all of a batch, or nothing of it; what its sender may not write is left out without a
    word."""
    try:
        claims = _claims(state, request, now_s)
        posted = _posted(state, _object(request))
        rate = state.limits.events.average(now_s)
        if rate > state.config.events_per_s_max:
            raise _refusal(HTTPStatus.TOO_MANY_REQUESTS, _OVER_LIMIT)
        if rate + len(posted) > state.config.events_per_s_max:
            raise _refusal(HTTPStatus.TOO_MANY_REQUESTS, _BATCH_TOO_LARGE)
    except _Refused as refused:
        return refused.response
    for message in _in_order(posted):
        if not message.private or _may_send(state, message.topic, claims, now_s):
            where = message.topic, message.event, message.payload
            broadcast.publish(state, *where, now_s, private=message.private, message_id=message.id)
    return Response(HTTPStatus.ACCEPTED)


def single(state: State, request: Request, now_s: float) -> Response:
    """Send one message: topic and event are in the path, and the body is the payload."""
    try:
        claims = _claims(state, request, now_s)
        sent = _single(state, request)
        if state.limits.events.reached(now_s, state.config.events_per_s_max):
            raise _refusal(HTTPStatus.TOO_MANY_REQUESTS, _OVER_LIMIT)
        topic, private = request.params["topic"], request.query.get("private") == "true"
        trouble = _trouble(state, topic, now_s) if private else None
        if trouble is not None:
            raise _refusal(trouble.status, trouble.at_api)
        if private and not state.access(topic, claims).may_broadcast():
            raise _refusal(HTTPStatus.FORBIDDEN, "Unauthorized")
        broadcast.publish_alone(state, topic, sent, now_s, private=private)
    except _Refused as refused:
        return refused.response
    except MalformedMessage:
        # No frame can carry such a topic or event; the real server's encoder raises as well.
        return words(HTTPStatus.INTERNAL_SERVER_ERROR)
    return Response(HTTPStatus.ACCEPTED)


def _trouble(state: State, topic: str, now_s: float) -> Trouble | None:
    who = None, None, topic
    return link.connected(state, who, now_s) or link.authorized(state, who, now_s)


def _may_send(state: State, topic: str, claims: Claims, now_s: float) -> bool:
    trouble = _trouble(state, topic, now_s)
    return trouble is None and state.access(topic, claims).may_broadcast()


# Who asks.


def _claims(state: State, request: Request, now_s: float) -> Claims:
    token = _token(request)
    try:
        if token is None:
            raise _refusal(HTTPStatus.UNAUTHORIZED, "Unauthorized")
        claims = verify(token, *state.config.trust(now_s))
    except TokenRefused:
        raise _refusal(HTTPStatus.UNAUTHORIZED, "Unauthorized") from None
    if state.config.suspended:
        raise _refusal(HTTPStatus.FORBIDDEN, "Tenant is suspended")
    return claims


def _token(request: Request) -> str | None:
    """The bearer's token, else the API key; a header that is not two words crashes the handler."""
    authorization = request.headers.get("authorization")
    if authorization is not None:
        parts = authorization.split(" ")
        if len(parts) != 2:
            raise _Refused(words(HTTPStatus.INTERNAL_SERVER_ERROR))
        if parts[0].lower() == "bearer":
            return parts[1]
    return request.headers.get("apikey")


def _refusal(status: HTTPStatus, message: str) -> _Refused:
    return _Refused(json_response(status, {"message": message}))


def _invalid(errors: Mapping[str, Any]) -> _Refused:
    return _Refused(json_response(HTTPStatus.UNPROCESSABLE_ENTITY, {"errors": errors}))


def is_json(request: Request) -> bool:
    """Whether the body is read as JSON: it says so, or it says nothing."""
    return "json" in request.headers.get("content-type", "json")


# A batch.


def _object(request: Request) -> dict[str, Any]:
    """The body as an object, which is what Plug makes of every JSON text, and of no JSON."""
    value = request.json if is_json(request) else {}
    return value if isinstance(value, dict) else {"_json": value}


def _posted(state: State, attributes: Mapping[str, Any]) -> list[_Posted]:
    """The messages of a batch. Raises the 422 that names what each of them lacks."""
    messages = attributes.get("messages")
    if messages is None or messages == []:
        raise _invalid({"messages": [_BLANK]})
    if not isinstance(messages, list) or not all(isinstance(each, dict) for each in messages):
        raise _invalid({"messages": [_INVALID]})
    errors = [_message_errors(state, message) for message in messages]
    if any(errors):
        raise _invalid({"messages": errors})
    return [
        _Posted(
            message["topic"],
            message["event"],
            message["payload"],
            message.get("private") in _TRUE,
            message.get("id") or None,
        )
        for message in messages
    ]


def _message_errors(state: State, message: Mapping[str, Any]) -> Errors:
    errors: Errors = {}
    for name in ("event", "id", "topic"):
        value = message.get(name)
        if value is not None and not isinstance(value, str):
            errors[name] = [_INVALID]
        elif name != "id" and not (value or "").strip():
            errors[name] = [_BLANK]
    payload = message.get("payload")
    if payload is None:
        errors["payload"] = [_BLANK]
    elif not isinstance(payload, dict):
        errors["payload"] = [_INVALID]
    elif _too_large(state, payload):
        errors["payload"] = [_TOO_LARGE]
    if message.get("private") not in (None, *_TRUE, *_FALSE):
        errors["private"] = [_INVALID]
    return dict(sorted(errors.items()))


def _in_order(posted: Sequence[_Posted]) -> list[_Posted]:
    """Public ones first, then private ones by topic, as the real server groups them."""
    return sorted(posted, key=lambda each: (each.private, each.topic if each.private else ""))


# A single message.


def media_type_refused(request: Request) -> Response | None:
    """The answer to a single message that is neither JSON nor bytes; one that does not say what it
    is passes as JSON."""
    media_type = request.headers.get("content-type", "application/json")
    if media_type.startswith(("application/json", _BINARY)):
        return None
    return json_response(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, {"error": _UNSUPPORTED})


def _single(state: State, request: Request) -> UserBroadcast:
    """The message. Raises the 422 that names what is wrong with it."""
    event = request.params["event"]
    errors = {name: [_BLANK] for name in ("event", "topic") if not request.params[name].strip()}
    is_binary = request.headers.get("content-type", "").startswith(_BINARY)
    payload = request.body if is_binary else sorted_keys(_object(request))
    if _too_large(state, payload):
        errors["payload"] = [_TOO_LARGE]
    if errors:
        raise _invalid(errors)
    if is_binary:
        return UserBroadcast(event, request.body, "binary")
    return UserBroadcast(event, json_text.dumps(payload, "the payload").encode())


def _too_large(state: State, payload: Any) -> bool:
    return external_size(payload) > state.config.payload_kb_max * 1000 + 500
