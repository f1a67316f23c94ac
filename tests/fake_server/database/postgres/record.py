"""Ask a real PostgreSQL 15 what our database has to answer, and keep its answers.

`python -m tests.fake_server.database.postgres.record [DSN]`, with a server that one may create
databases in; `psql` has to be installed. The answers in the repository are those of 15.18.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
DSN = "postgresql://postgres@127.0.0.1:55432/postgres"

_ASK = """
set client_min_messages = warning;
set timezone = 'UTC';
create or replace function pg_temp.ask(statement text) returns jsonb language plpgsql as $$
declare answer jsonb; code text; message text; detail text; hint text;
begin
  execute statement into answer;
  return jsonb_build_object('is', answer);
exception when others then
  get stacked diagnostics code = returned_sqlstate, message = message_text,
    detail = pg_exception_detail, hint = pg_exception_hint;
  return jsonb_build_object('code', code, 'message', message, 'details', nullif(detail, ''),
    'hint', nullif(hint, ''));
end $$;
"""


def ask(dsn: str, statements: list[str]) -> list[Any]:
    """The answers to statements that give one jsonb each, in order."""
    lines = [_ASK, *(f"select pg_temp.ask({quoted(statement)});" for statement in statements)]
    return [json.loads(line) for line in _run(dsn, "\n".join(lines)).splitlines()]


def quoted(text: str) -> str:
    """An SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def casts(dsn: str) -> dict[str, dict[str, Any]]:
    """For each type and literal: its text and its jsonb, or the error."""
    literals = tomllib.loads((HERE / "casts.toml").read_text("utf-8"))
    pairs = [(name, literal) for name in literals for literal in literals[name]]
    answers = ask(
        dsn,
        [
            f"select jsonb_build_array(format('%s', {quoted(literal)}::{name}), "
            f"to_jsonb({quoted(literal)}::{name})::text)"
            for name, literal in pairs
        ],
    )
    found: dict[str, dict[str, Any]] = {}
    for (name, literal), answer in zip(pairs, answers, strict=True):
        found.setdefault(name, {})[literal] = answer.get("is", answer)
    return found


def orders(dsn: str) -> dict[str, Any]:
    """For each type: the rank of every value."""
    given = tomllib.loads((HERE / "orders.toml").read_text("utf-8"))
    answers = ask(
        dsn,
        [
            "select jsonb_object_agg(v, r) from (select v, dense_rank() over (order by "
            f"v::{name}) r from unnest(array[{', '.join(map(quoted, values))}]) v) t"
            for name, values in given.items()
        ],
    )
    return {name: answer["is"] for name, answer in zip(given, answers, strict=True)}


def regexes(dsn: str) -> dict[str, Any]:
    """For each pattern: the texts that it matches, then those of `~*`, or the error."""
    given = tomllib.loads((HERE / "regexes.toml").read_text("utf-8"))
    return _matches(dsn, [*given["patterns"], *given["broken"]], given["texts"], "~", "~*")


def likes(dsn: str) -> dict[str, Any]:
    """For each pattern: the texts that fit it, then those of `ilike`; each alone where the pattern
    is broken, since Postgres does not come to the end of every text."""
    given = tomllib.loads((HERE / "likes.toml").read_text("utf-8"))
    pairs = [(pattern, text) for pattern in given["broken"] for text in given["texts"]]
    answers = ask(
        dsn, [f"select to_jsonb({quoted(text)} like {quoted(pattern)})" for pattern, text in pairs]
    )
    alone: dict[str, dict[str, Any]] = {}
    for (pattern, text), answer in zip(pairs, answers, strict=True):
        alone.setdefault(pattern, {})[text] = answer.get("is", answer.get("code"))
    return {
        "whole": _matches(dsn, given["patterns"], given["texts"], "like", "ilike"),
        "broken": alone,
    }


def _matches(
    dsn: str, patterns: list[str], tried: list[str], operator: str, in_any_case: str
) -> dict[str, Any]:
    texts = f"array[{', '.join(map(quoted, tried))}]"
    answers = ask(
        dsn,
        [
            f"select jsonb_build_array(jsonb_agg(t) filter (where t {operator} {quoted(pattern)}), "
            f"jsonb_agg(t) filter (where t {in_any_case} {quoted(pattern)})) "
            f"from unnest({texts}) t"
            for pattern in patterns
        ],
    )
    shown = (answer.get("is", answer) for answer in answers)
    return dict(zip(patterns, shown, strict=True))


_ANSWER = """
create or replace function public.answer(role text, claims jsonb, statement text) returns jsonb
language plpgsql as $$
declare answer jsonb; code text; message text; detail text; hint text;
begin
  perform set_config('role', coalesce(role, 'postgres'), true),
    set_config('request.jwt.claims', coalesce(claims::text, ''), true);
  if statement ~* '^select|returning' then
    execute 'with t as (' || statement || ') select coalesce(jsonb_agg(t), ''[]'') from t'
      into answer;
  else
    execute statement;
    answer = '[]';
  end if;
  perform set_config('role', 'postgres', true);
  return answer;
exception when others then
  get stacked diagnostics code = returned_sqlstate, message = message_text,
    detail = pg_exception_detail, hint = pg_exception_hint;
  return jsonb_build_object('code', code, 'message', message, 'details', nullif(detail, ''),
    'hint', nullif(hint, ''));
end $$;
"""


def statements(dsn: str) -> dict[str, list[Any]]:
    """For each case: what every one of its statements came to."""
    cases = tomllib.loads((HERE / "statements.toml").read_text("utf-8"))["case"]
    _run(dsn, "drop database if exists squall_project; create database squall_project;")
    base, _, _ = dsn.rpartition("/")
    project = f"{base}/squall_project"
    _run(project, _without_roles((HERE / "project.sql").read_text("utf-8")) + _ANSWER)
    return {case["name"]: _answers(project, case) for case in cases}


def _without_roles(script: str) -> str:
    """Roles belong to the server, and may be there."""
    first, _, rest = script.partition("\n")
    roles = [
        f"do $$ begin {each.strip()}; exception when others then null; end $$;"
        for each in first.rstrip(";").split(";")
    ]
    return "\n".join(roles) + rest


def _answers(dsn: str, case: dict[str, Any]) -> list[Any]:
    claims = case.get("as")
    role = "null" if claims is None else quoted(claims["role"])
    shown = "null" if claims is None else quoted(json.dumps(claims))
    lines = [
        "begin;",
        *(f"{statement};" for statement in case.get("before", ())),
        *(f"select public.answer({role}, {shown}, {quoted(each)});" for each in case["sql"]),
        "rollback;",
    ]
    return [json.loads(line) for line in _run(dsn, "\n".join(lines)).splitlines()]


def _run(dsn: str, script: str) -> str:
    command = ["psql", dsn, "-qAtX", "-v", "ON_ERROR_STOP=1"]
    script = f"set client_min_messages = error; set timezone = 'UTC';\n{script}"
    done = subprocess.run(command, input=script, text=True, capture_output=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    return done.stdout


def main() -> None:
    dsn = sys.argv[1] if len(sys.argv) > 1 else DSN
    recorders = {
        "casts": casts,
        "orders": orders,
        "regexes": regexes,
        "likes": likes,
        "statements": statements,
    }
    for name, record in recorders.items():
        answers = record(dsn)
        text = json.dumps(answers, ensure_ascii=False, indent=1)
        (HERE / f"{name}.json").write_text(text + "\n", "utf-8")


if __name__ == "__main__":
    main()
