"""The HTTP API as a table of routes over the proxies; it knows no sockets."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote

from harness.toxics import TOXICS
from harness.toxiproxy.collection import Proxies
from harness.toxiproxy.errors import (
    ApiError,
    invalid_stream,
    invalid_toxic_type,
    missing_field,
    toxic_exists,
    toxic_not_found,
)
from harness.toxiproxy.fields import read_list, read_object
from harness.toxiproxy.jsontext import decode_first, encode
from harness.toxiproxy.metrics import CONTENT_TYPE as PROMETHEUS
from harness.toxiproxy.metrics import Metrics
from harness.toxiproxy.proxy import Proxy
from harness.toxiproxy.toxic_record import STREAMS, ToxicRecord, attribute_names

VERSION = "2.12.0"
"""The Toxiproxy that this server answers as."""

JSON = "application/json"
TEXT = "text/plain; charset=utf-8"
PROXY_FIELDS = {"name": "string", "listen": "string", "upstream": "string", "enabled": "bool"}
TOXIC_FIELDS = {
    "attributes": "toxics.NoopToxic",
    "name": "string",
    "type": "string",
    "stream": "string",
    "toxicity": "float32",
}
POPULATE_TYPE = r'[]struct { toxiproxy.Proxy; Enabled *bool "json:\"enabled\"" }'


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back: a status, a body and its type."""

    status: int
    body: str = ""
    content_type: str = ""
    routed: bool = True
    """Whether a route was found; only then does the answer carry a request id."""
    headers: Mapping[str, str] = field(default_factory=dict)


class Api:
    """Answers requests. Keeps no state but the proxies."""

    def __init__(self, proxies: Proxies, metrics: Metrics | None = None) -> None:
        self._proxies = proxies
        self._metrics = metrics or Metrics()

    async def answer(self, method: str, target: str, user_agent: str, body: bytes) -> Answer:
        """Answer one request. Never raises for what a client sent."""
        path = unquote(target.partition("?")[0])
        if (clean := _clean(path)) != path:
            return Answer(301, routed=False, headers={"Location": quote(clean)})
        found = _find(path)
        if found is None or (path == METRICS and not self._metrics):
            return _text(404, "404 page not found", routed=False)
        handlers, names = found
        handler = handlers.get(method) or handlers.get(ANY_METHOD)
        if handler is None:
            return Answer(405, routed=False)
        # Keeps pages in a browser from driving a server on the same machine.
        if user_agent.startswith("Mozilla/"):
            return _text(403, "User agent not allowed")
        try:
            return await handler(self, body, *names)
        except ApiError as error:
            return _refusal(error)

    async def version(self, body: bytes) -> Answer:
        return Answer(200, f'{{"version": "{VERSION}"}}\n', "application/json;charset=utf-8")

    async def metrics(self, body: bytes) -> Answer:
        return Answer(200, self._metrics.text(self._proxies.ledger), PROMETHEUS)

    async def list_proxies(self, body: bytes) -> Answer:
        return _json(200, self._proxies.to_json())

    async def create_proxy(self, body: bytes) -> Answer:
        asked = _read_proxy(body)
        _require(asked)
        return _json(201, (await self._proxies.create(**_with_defaults(asked))).to_json())

    async def populate(self, body: bytes) -> Answer:
        done: list[Proxy] = []
        try:
            await self.populate_into(done, body)
        except ApiError as error:
            said = {"error": error.text, "status": error.status}
            return Answer(error.status, encode({**said, **_done(done)}), JSON)
        return _json(201, _done(done))

    async def populate_into(self, done: list[Proxy], body: bytes) -> None:
        """Create or replace the proxies of a JSON array, adding each to `done` as it is there.

        Raises `ApiError` for the first that cannot be; those before it stay.
        """
        for asked in _read_population(body):
            proxy = await self._proxies.replace(**_with_defaults(asked))
            done.append(proxy)

    async def get_proxy(self, body: bytes, name: str) -> Answer:
        return _json(200, self._proxies.get(name).to_json())

    async def update_proxy(self, body: bytes, name: str) -> Answer:
        self._proxies.get(name)
        asked = _read_proxy(body)
        proxy = await self._proxies.update(
            name, asked.get("listen"), asked.get("upstream"), asked.get("enabled")
        )
        return _json(200, proxy.to_json())

    async def delete_proxy(self, body: bytes, name: str) -> Answer:
        await self._proxies.delete(name)
        return Answer(204)

    async def reset(self, body: bytes) -> Answer:
        await self._proxies.reset()
        return Answer(204)

    async def list_toxics(self, body: bytes, name: str) -> Answer:
        return _json(200, [toxic.to_json() for toxic in self._proxies.get(name).ordered_toxics()])

    async def create_toxic(self, body: bytes, name: str) -> Answer:
        proxy = self._proxies.get(name)
        record = _read_new_toxic(body, proxy)
        proxy.add_toxic(record)
        return _json(200, record.to_json())

    async def get_toxic(self, body: bytes, name: str, toxic: str) -> Answer:
        return _json(200, _toxic(self._proxies.get(name), toxic).to_json())

    async def update_toxic(self, body: bytes, name: str, toxic: str) -> Answer:
        proxy = self._proxies.get(name)
        record = _toxic(proxy, toxic)
        asked, refusal = _read_toxic(body)
        changes, bad_attribute = _read_attributes(record.type, asked)
        # The original decodes into the live toxic: good attributes stick beside a bad one.
        record.attributes.update(changes)
        refusal = bad_attribute or refusal
        if refusal is None:
            record.toxicity = asked.get("toxicity", record.toxicity)
        proxy.update_toxic(record)
        if refusal:
            raise refusal
        return _json(200, record.to_json())

    async def delete_toxic(self, body: bytes, name: str, toxic: str) -> Answer:
        proxy = self._proxies.get(name)
        proxy.remove_toxic(_toxic(proxy, toxic))
        return Answer(204)


METRICS = "/metrics"
ANY_METHOD = "*"

Handler = Callable[..., Awaitable[Answer]]
ROUTES: Mapping[str, Mapping[str, Handler]] = {
    "/version": {"GET": Api.version},
    METRICS: {ANY_METHOD: Api.metrics},
    "/reset": {"POST": Api.reset},
    "/populate": {"POST": Api.populate},
    "/proxies": {"GET": Api.list_proxies, "POST": Api.create_proxy},
    "/proxies/{}": {
        "GET": Api.get_proxy,
        "POST": Api.update_proxy,
        "PATCH": Api.update_proxy,
        "DELETE": Api.delete_proxy,
    },
    "/proxies/{}/toxics": {"GET": Api.list_toxics, "POST": Api.create_toxic},
    "/proxies/{}/toxics/{}": {
        "GET": Api.get_toxic,
        "POST": Api.update_toxic,
        "PATCH": Api.update_toxic,
        "DELETE": Api.delete_toxic,
    },
}
_PATTERNS = [
    (re.compile(route.replace("{}", "([^/]+)")), handlers) for route, handlers in ROUTES.items()
]


def _find(path: str) -> tuple[Mapping[str, Handler], tuple[str, ...]] | None:
    for pattern, handlers in _PATTERNS:
        if match := pattern.fullmatch(path):
            return handlers, match.groups()
    return None


def _clean(path: str) -> str:
    """Without doubled slashes and dots; a slash at the end stays, and leads nowhere."""
    clean = posixpath.normpath("/" + path.lstrip("/"))
    return clean + "/" if path.endswith("/") and clean != "/" else clean


def _read_proxy(body: bytes) -> dict[str, Any]:
    value = decode_first(body)
    asked, refusal = read_object(value, "Proxy", PROXY_FIELDS, go_value="toxiproxy.Proxy")
    if refusal:
        raise refusal
    return asked


def _read_population(body: bytes) -> list[dict[str, Any]]:
    """All items, each checked before any is created."""
    population: list[dict[str, Any]] = []
    for item in read_list(decode_first(body), POPULATE_TYPE):
        asked, refusal = read_object(item, "", PROXY_FIELDS, go_value="toxiproxy.Proxy")
        if refusal:
            raise refusal
        population.append(asked)
    for number, asked in enumerate(population, start=1):
        _require(asked, f" at proxy {number}")
    return population


def _require(asked: Mapping[str, Any], where: str = "") -> None:
    for name in ("name", "upstream"):
        if not asked.get(name):
            raise missing_field(name + where)


def _with_defaults(asked: Mapping[str, Any]) -> dict[str, Any]:
    return {"listen": "", "enabled": True, **asked}


def _read_toxic(body: bytes) -> tuple[dict[str, Any], ApiError | None]:
    return read_object(
        decode_first(body), "ToxicWrapper", TOXIC_FIELDS, go_value="toxics.ToxicWrapper"
    )


def _read_new_toxic(body: bytes, proxy: Proxy) -> ToxicRecord:
    """Check in the original's order: stream, type, name, then attributes."""
    asked, refusal = _read_toxic(body)
    if refusal:
        raise refusal
    stream = asked.get("stream", "downstream")
    if stream.lower() not in STREAMS:
        raise invalid_stream()
    kind = asked.get("type", "")
    if kind not in TOXICS:
        raise invalid_toxic_type()
    name = asked.get("name") or f"{kind}_{stream}"
    if name in proxy.toxics:
        raise toxic_exists()
    attributes, refusal = _read_attributes(kind, asked)
    if refusal:
        raise refusal
    return ToxicRecord(name, kind, stream, asked.get("toxicity", 1.0), attributes)


def _read_attributes(kind: str, asked: Mapping[str, Any]) -> tuple[dict[str, int], ApiError | None]:
    struct = f"{TOXICS[kind].__name__}Toxic.attributes"
    types = dict.fromkeys(attribute_names(kind), "int64")
    return read_object(asked.get("attributes"), struct, types)


def _toxic(proxy: Proxy, name: str) -> ToxicRecord:
    record = proxy.toxics.get(name)
    if record is None:
        raise toxic_not_found()
    return record


def _done(proxies: list[Proxy]) -> Mapping[str, Any]:
    """`null`, not an empty list, when there are none."""
    return {"proxies": [proxy.to_json() for proxy in proxies] or None}


def _json(status: int, value: Any) -> Answer:
    return Answer(status, encode(value), JSON)


def _text(status: int, text: str, *, routed: bool = True) -> Answer:
    nosniff = {"X-Content-Type-Options": "nosniff"}
    return Answer(status, text + "\n", TEXT, routed=routed, headers=nosniff)


def _refusal(error: ApiError) -> Answer:
    return _text(error.status, encode({"error": error.text, "status": error.status}))
