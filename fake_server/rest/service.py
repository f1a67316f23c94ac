"""`/rest/v1`: from a request to its answer, one transaction each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import quote, urlencode

from fake_server.auth import key_refused
from fake_server.core.state import State
from fake_server.database import Caller, Database, DatabaseError, Row, Table
from fake_server.http import Request, Response, Route, json_response
from fake_server.rest.body import read_rows, require_body
from fake_server.rest.callers import caller
from fake_server.rest.errors import Refused, database_response
from fake_server.rest.media import Form, form
from fake_server.rest.model import Query
from fake_server.rest.openapi import describe
from fake_server.rest.preferences import Preferences, read_preferences
from fake_server.rest.query import read_query
from fake_server.rest.ranges import window
from fake_server.rest.reading import Output, Reading, output_names
from fake_server.rest.relations import unknown_table
from fake_server.rest.writing import Writing, Written

VERSION = "13.0"
"""Of PostgREST."""
_PREFIX = "/rest/v1"
_HIDDEN = ("realtime",)
_ALWAYS_EXPOSED = ("public", "graphql_public")
_READS = ("GET", "HEAD")
_EXPOSED_HEADERS = (
    "Content-Encoding, Content-Location, Content-Range, Content-Type, Date, Location, Server, "
    "Transfer-Encoding, Range-Unit"
)


class _TakenBack(Exception):
    """Ends a transaction that the client wanted to be rolled back."""

    def __init__(self, response: Response) -> None:
        super().__init__()
        self.response = response


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request to one table, read."""

    request: Request
    caller: Caller
    table: Table
    query: Query
    preferences: Preferences
    form: Form
    now_s: float

    @property
    def wants_rows(self) -> bool:
        return self.preferences.get("return") == "representation"


class Rest:
    """The tables of a project, and what is asked of them under `/rest/v1`."""

    def __init__(self, state: State) -> None:
        self._state = state

    @property
    def routes(self) -> list[Route]:
        """The rows for the gateway."""
        return [Route("*", f"{_PREFIX}/*", self._answer)]

    @property
    def _database(self) -> Database:
        return self._state.database

    def _answer(self, request: Request, now_s: float) -> Response:
        refused = key_refused(self._state, request, now_s)
        if refused is not None:
            return refused
        response = self._as_caller(request, now_s)
        headers = {"server": f"postgrest/{VERSION}"}
        if "origin" in request.headers:
            headers["access-control-expose-headers"] = _EXPOSED_HEADERS
        return response.with_headers(headers)

    def _as_caller(self, request: Request, now_s: float) -> Response:
        is_anonymous = True
        try:
            who = caller(self._state, request, now_s)
            is_anonymous = who.role == "anon"
            return self._of_caller(request, who, now_s)
        except Refused as error:
            return error.response
        except DatabaseError as error:
            return database_response(error, is_anonymous)

    def _of_caller(self, request: Request, who: Caller, now_s: float) -> Response:
        schema = self._schema(request)
        match request.segments[2:]:
            case ():
                return self._root(request, schema)
            case ("rpc", name):
                raise _no_function(request, schema, name)
            case (name,):
                return self._of_table(request, who, self._table(schema, name), now_s)
            case _:
                raise Refused(404, "PGRST125", "Invalid path specified in request URL")

    def _of_table(self, request: Request, who: Caller, table: Table, now_s: float) -> Response:
        perform = _METHODS.get(request.method)
        if perform is None:
            raise Refused(405, "PGRST117", f"Unsupported HTTP method: {request.method}")
        if any("\0" in text for pair in request.pairs for text in pair):
            raise DatabaseError("22021", 'invalid byte sequence for encoding "UTF8": 0x00')
        asked = _Asked(
            request,
            who,
            table,
            read_query(request.pairs),
            read_preferences(request.headers.get("prefer", "")),
            form(request),
            now_s,
        )
        return perform(self, asked).with_headers(_profile(request))

    # Where it leads.

    def _schema(self, request: Request) -> str:
        """The schema that a profile names. Raises `Refused` PGRST106 for one that is not shown."""
        header = "accept-profile" if request.method in _READS else "content-profile"
        named = [table.schema for table in self._database.tables]
        exposed = [name for name in (*_ALWAYS_EXPOSED, *named) if name not in _HIDDEN]
        schema = request.headers.get(header, exposed[0])
        if schema not in exposed:
            listed = ", ".join(dict.fromkeys(exposed))
            hint = f"Only the following schemas are exposed: {listed}"
            raise Refused(406, "PGRST106", f"Invalid schema: {schema}", None, hint)
        return schema

    def _table(self, schema: str, name: str) -> Table:
        table = self._database.table(schema, name)
        if table is None:
            raise unknown_table(self._database.tables, schema, name)
        return table

    def _root(self, request: Request, schema: str) -> Response:
        if request.method not in _READS:
            raise Refused(405, "PGRST117", f"Unsupported HTTP method: {request.method}")
        tables = [table for table in self._database.tables if table.schema == schema]
        media = {"content-type": "application/openapi+json; charset=utf-8"}
        return json_response(200, describe(tables, VERSION), media)

    # What is done.

    def _read(self, asked: _Asked) -> Response:
        reading = Reading(self._database, asked.caller, asked.query)
        level = reading.level(asked.table)
        chosen = window(asked.query.part(), asked.request.headers.get("range", ""))
        found = reading.read(level)
        shown: list[Row] | list[Output] = reading.outputs(level, found) if level.count_as else found
        total = len(shown) if asked.preferences.get("count") else None
        rows = shown[chosen.offset : chosen.offset + chosen.limit]
        status = chosen.status(len(rows), total)
        outputs = rows if level.count_as else reading.outputs(level, rows)
        body = asked.form.body(output_names(level), outputs)
        headers = {
            "content-type": asked.form.content_type,
            "content-range": chosen.content_range(len(rows), total),
            "content-location": _location(asked.request),
            **asked.preferences.applied("resolution", "missing", "return", "max-affected"),
        }
        return Response(status, headers, body)

    def _insert(self, asked: _Asked) -> Response:
        require_body(asked.request)
        rows = read_rows(asked.request, asked.query.columns is not None)
        returns = asked.preferences.get("return") in ("representation", "headers-only")

        def act(writing: Writing) -> Written:
            return writing.insert(rows, returns)

        def answer(written: Written) -> Response:
            nothing_new = written.inserted == 0 and bool(written.rows)
            merged = asked.preferences.get("resolution") == "merge-duplicates"
            status = HTTPStatus.OK if nothing_new and merged else HTTPStatus.CREATED
            return Response(status, _created(asked, written.rows))

        return self._write(asked, act, answer)

    def _put(self, asked: _Asked) -> Response:
        require_body(asked.request)
        rows = read_rows(asked.request, asked.query.columns is not None)

        def act(writing: Writing) -> Written:
            return writing.put(rows, asked.wants_rows)

        def answer(written: Written) -> Response:
            status = HTTPStatus.CREATED if written.inserted else HTTPStatus.OK
            headers = asked.preferences.applied("resolution", "missing", "max-affected")
            return Response(status if asked.wants_rows else HTTPStatus.NO_CONTENT, headers)

        return self._write(asked, act, answer)

    def _update(self, asked: _Asked) -> Response:
        require_body(asked.request)
        rows = read_rows(asked.request, asked.query.columns is not None)

        def answer(written: Written) -> Response:
            count = len(written.rows)
            span = f"0-{count - 1}" if count else "*"
            return _changed(asked, span, count, "resolution")

        return self._write(asked, lambda writing: writing.update(rows), answer)

    def _delete(self, asked: _Asked) -> Response:
        def answer(written: Written) -> Response:
            return _changed(asked, "*", len(written.rows), "resolution", "missing")

        return self._write(asked, Writing.delete, answer)

    def _options(self, asked: _Asked) -> Response:
        put = "PUT," if asked.table.primary_key else ""
        return Response(200, {"allow": f"OPTIONS,GET,HEAD,POST,{put}PATCH,DELETE"})

    def _write(
        self,
        asked: _Asked,
        act: Callable[[Writing], Written],
        answer: Callable[[Written], Response],
    ) -> Response:
        """Write and answer in one transaction: what refuses the answer takes back the write."""
        try:
            with self._database.transaction(asked.now_s):
                response = self._written(asked, act, answer)
                if asked.preferences.get("tx") == "rollback":
                    raise _TakenBack(response)
                return response
        except _TakenBack as taken_back:
            return taken_back.response

    def _written(
        self,
        asked: _Asked,
        act: Callable[[Writing], Written],
        answer: Callable[[Written], Response],
    ) -> Response:
        reading = Reading(self._database, asked.caller, _without_filters(asked.query))
        level = reading.level(asked.table)
        writing = Writing(
            self._database, asked.caller, asked.table, asked.query, asked.preferences, asked.now_s
        )
        written = act(writing)
        _check_affected(asked, len(written.rows))
        asked.form.check(len(written.rows))
        response = answer(written)
        if not asked.wants_rows:
            return response
        outputs = reading.outputs(level, level.chosen(written.rows))
        body = asked.form.body(output_names(level), outputs)
        return Response(response.status, response.headers, body).with_headers(
            {"content-type": asked.form.content_type}
        )


_METHODS: dict[str, Callable[[Rest, _Asked], Response]] = {
    "GET": Rest._read,
    "HEAD": Rest._read,
    "POST": Rest._insert,
    "PUT": Rest._put,
    "PATCH": Rest._update,
    "DELETE": Rest._delete,
    "OPTIONS": Rest._options,
}


def _no_function(request: Request, schema: str, name: str) -> Refused:
    """The answer to a call: this database has no functions to call from outside."""
    names = sorted(_arguments(request))
    called, named = f"{schema}.{name}", ", ".join(names)
    listed = f"({named})" if names else " without parameters"
    plural = "s" if len(names) > 1 else ""
    searched = f" with parameter{plural} {named}" if names else " without parameters"
    also = " or with a single unnamed json/jsonb parameter" if request.method == "POST" else ""
    return Refused(
        404,
        "PGRST202",
        f"Could not find the function {called}{listed} in the schema cache",
        f"Searched for the function {called}{searched}{also if names else ''}, but no matches were "
        "found in the schema cache.",
    )


def _arguments(request: Request) -> list[str]:
    if request.method != "POST":
        return list(request.query)
    rows = read_rows(request, any_keys=False) if request.body.strip() else []
    return list(rows[0]) if rows else []


def _without_filters(query: Query) -> Query:
    """What a write shows: its rows are chosen already."""
    root = query.part()
    kept = type(root)(order=root.order)
    return Query(query.select, {**query.parts, (): kept}, query.columns, query.on_conflict)


def _check_affected(asked: _Asked, count: int) -> None:
    most = asked.preferences.affected_max
    if most is not None and count > most and asked.request.method in ("PATCH", "DELETE"):
        raise Refused(
            400,
            "PGRST124",
            "Query result exceeds max-affected preference constraint",
            f"The query affects {count} rows",
        )


def _created(asked: _Asked, rows: list[Row]) -> Mapping[str, str]:
    """The headers of an insert; of a single row, where it is, if only headers are wanted."""
    keys = asked.table.primary_key
    unused = () if keys or asked.query.on_conflict else ("resolution",)
    headers = asked.preferences.applied(*unused, "max-affected")
    headers["content-range"] = f"*/{_count(asked, len(rows))}"
    if asked.preferences.get("return") == "headers-only" and len(rows) == 1 and keys:
        pairs = [(name, f"eq.{rows[0][name]}") for name in keys]
        headers["location"] = f"/{quote(asked.table.name)}?{urlencode(pairs)}"
    return headers


def _changed(asked: _Asked, span: str, count: int, *unused: str) -> Response:
    status = HTTPStatus.OK if asked.wants_rows else HTTPStatus.NO_CONTENT
    headers = asked.preferences.applied(*unused)
    return Response(status, {**headers, "content-range": f"{span}/{_count(asked, count)}"})


def _count(asked: _Asked, count: int) -> str:
    """The number of rows, if it was asked for."""
    return str(count) if asked.preferences.get("count") in ("exact", "estimated") else "*"


def _location(request: Request) -> str:
    """What was asked for, in the order of the alphabet."""
    pairs = sorted(pair for pair in request.pairs if pair[0] != "apikey")
    name = quote(request.segments[2])
    return f"/{name}?{urlencode(pairs)}" if pairs else f"/{name}"


def _profile(request: Request) -> dict[str, str]:
    header = "accept-profile" if request.method in _READS else "content-profile"
    named = request.headers.get(header)
    return {} if named is None else {"content-profile": named}
