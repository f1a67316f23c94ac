"""Ask a real PostgreSQL 15 what our database has to answer, and keep its answers.

`python -m tests.fake_server.database.postgres.record [DSN]`, with a server that one may create
schemas in; `psql` has to be installed. The answers in the repository are those of 15.18.
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
    command = ["psql", dsn, "-qAtX", "-v", "ON_ERROR_STOP=1"]
    done = subprocess.run(
        command, input="\n".join(lines), text=True, capture_output=True, check=False
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    return [json.loads(line) for line in done.stdout.splitlines()]


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


def main() -> None:
    dsn = sys.argv[1] if len(sys.argv) > 1 else DSN
    text = json.dumps(casts(dsn), ensure_ascii=False, indent=1)
    (HERE / "casts.json").write_text(text + "\n", "utf-8")


if __name__ == "__main__":
    main()
