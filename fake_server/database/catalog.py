"""What a project consists of, as plain values: tenants, users, tables, columns and policies."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from fake_server.sign_in import SignIn

Row = dict[str, Any]
"""Column → value, in the forms of `fake_server.database.types`."""

Command = Literal["select", "insert", "update", "delete"]
ReplicaIdentity = Literal["default", "full", "nothing"]
OnDelete = Literal["no action", "cascade", "set null"]

API_ROLES = ("anon", "authenticated", "service_role")
ROLES = (*API_ROLES, "postgres", "supabase_admin", "authenticator", "supabase_auth_admin")
"""The database roles that a token may name."""
COMMANDS: tuple[Command, ...] = ("select", "insert", "update", "delete")
_BYPASS_ROLES = ("service_role", "postgres", "supabase_admin")


Predicate = Callable[[Row], bool]
"""Says of a row whether a statement is meant for it."""


@dataclass(frozen=True, slots=True)
class OnConflict:
    """`ON CONFLICT (columns) DO UPDATE SET …`, or `DO NOTHING` without `changes`."""

    columns: tuple[str, ...] = ()
    """The columns of a unique key; none means any key."""
    changes: Callable[[Row, Row], Row] | None = None
    """From the row that is there and the row that was to be inserted: the columns to set."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A foreign key of one column."""

    schema: str
    table: str
    column: str
    on_delete: OnDelete = "no action"


@dataclass(frozen=True, slots=True)
class Column:
    """One column; `type` is `pg_type`'s name, as in `postgres_changes` (`int8`, `_text`)."""

    name: str
    type: str
    nullable: bool = True
    default: str | None = None
    """An SQL expression."""
    identity: bool = False
    modifier: tuple[int, ...] = ()
    unique: bool = False
    check: str | None = None
    references: Reference | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """A permissive row policy; no roles means every role."""

    name: str
    command: Literal["all", "select", "insert", "update", "delete"] = "all"
    roles: tuple[str, ...] = ()
    using: str | None = None
    check: str | None = None

    def applies(self, command: Command, role: str) -> bool:
        return self.command in ("all", command) and (not self.roles or role in self.roles)


@dataclass(frozen=True)
class Table:
    """One table, with what Realtime asks about it."""

    schema: str
    name: str
    columns: tuple[Column, ...]
    primary_key: tuple[str, ...] = ()
    replica_identity: ReplicaIdentity = "default"
    published: bool = False
    rls: bool = False
    policies: tuple[Policy, ...] = ()
    grants: Mapping[str, tuple[Command, ...]] = field(
        default_factory=lambda: dict.fromkeys(API_ROLES, COMMANDS)
    )
    """Which commands each role may use at all."""
    readable_columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The columns that a role may read which may not read the whole table."""

    @property
    def key(self) -> tuple[str, str]:
        return self.schema, self.name

    @cached_property
    def _by_name(self) -> dict[str, Column]:
        return {column.name: column for column in self.columns}

    @cached_property
    def column_names(self) -> tuple[str, ...]:
        return tuple(self._by_name)

    def column(self, name: str) -> Column | None:
        return self._by_name.get(name)

    @cached_property
    def unique_keys(self) -> dict[str, tuple[str, ...]]:
        """Constraint name → columns: the primary key, and each unique column."""
        keys = {f"{self.name}_pkey": self.primary_key} if self.primary_key else {}
        unique = [column.name for column in self.columns if column.unique]
        return keys | {f"{self.name}_{name}_key": (name,) for name in unique}


@dataclass(frozen=True, slots=True)
class Caller:
    """On whose behalf a statement runs: a database role, and the claims of its token."""

    role: str
    claims: Mapping[str, Any] = field(default_factory=dict)
    topic: str | None = None
    """What `realtime.topic()` says: the sub-topic that is being joined."""

    @property
    def bypasses_rls(self) -> bool:
        return self.role in _BYPASS_ROLES

    @property
    def owns_everything(self) -> bool:
        """No grants are asked for either."""
        return self.role in ("postgres", "supabase_admin")


OWNER = Caller("postgres")


@dataclass(frozen=True, slots=True)
class Change:
    """One row written by a committed transaction, as the replication slot shows it."""

    table: Table
    kind: Literal["INSERT", "UPDATE", "DELETE"]
    new: Row | None
    old: Row | None
    at_s: float
    """When the transaction committed, in seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A row of `realtime.messages`: what `realtime.send` and its like leave behind."""

    id: str
    topic: str
    event: str | None
    private: bool
    inserted_at_s: float
    payload: Any = None
    """The JSON value; `types.json_text` prints it as Postgres does."""
    binary: bytes | None = None
    """The bytes of `realtime.send_binary`, instead of a payload."""


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who can sign in."""

    id: str
    email: str | None = None
    password: str | None = field(default=None, repr=False)
    role: str = "authenticated"
    app_metadata: Mapping[str, Any] = field(default_factory=dict)
    user_metadata: Mapping[str, Any] = field(default_factory=dict)
    confirmed: bool = True
    """Its email has been confirmed."""


@dataclass(frozen=True, slots=True)
class Tenant:
    """A project on the server: its keys, its plan, and what deviates from the plan."""

    name: str
    jwt_secret: str | None = field(default=None, repr=False)
    jwks: Mapping[str, Any] | None = None
    plan: str | None = None
    limits: Mapping[str, int] = field(default_factory=dict)
    private_only: bool = False
    schema: Schema | None = None
    """What is its own of users, tables and policies; None is what stands outside of all tenants."""


@dataclass(frozen=True)
class Schema:
    """Everything that a schema file says."""

    tables: tuple[Table, ...] = ()
    message_policies: tuple[Policy, ...] = ()
    """The row policies of `realtime.messages`, which decide over private channels."""
    rows: tuple[tuple[Table, Row], ...] = ()
    """Seed rows as JSON values, in the order in which they are inserted."""
    users: tuple[User, ...] = ()
    sign_in: SignIn = field(default_factory=SignIn)
    jwt_claim_validators: Mapping[str, Any] = field(default_factory=dict)
    """What claims have to be, of all tenants: the server's `JWT_CLAIM_VALIDATORS`."""
    tenants: tuple[Tenant, ...] = ()
