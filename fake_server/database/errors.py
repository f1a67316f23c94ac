"""What Postgres says when it refuses a statement: SQLSTATE, message, detail and hint."""

from __future__ import annotations


class DatabaseError(Exception):
    """A refusal in Postgres' own words; `code` is the SQLSTATE, as PostgREST passes it on."""

    def __init__(
        self, code: str, message: str, details: str | None = None, hint: str | None = None
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.details = details
        self.hint = hint


def undefined_table(name: str) -> DatabaseError:
    return DatabaseError("42P01", f'relation "{name}" does not exist')


def undefined_column(name: str, relation: str | None = None) -> DatabaseError:
    of_relation = f' of relation "{relation}"' if relation else ""
    return DatabaseError("42703", f'column "{name}"{of_relation} does not exist')


def unsupported(what: str) -> DatabaseError:
    """Valid for Postgres perhaps, but more than this database was made for."""
    return DatabaseError("0A000", f"the fake database does not know: {what}")


def invalid_syntax(type_label: str, text: str) -> DatabaseError:
    """For a text that is no value of this type."""
    return DatabaseError("22P02", f'invalid input syntax for type {type_label}: "{text}"')
