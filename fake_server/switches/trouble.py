"""What can be wrong between Realtime and a tenant's database, and its words in every place.

The texts are those of `protocol.md §2.6`, `§2.7`, `§4.5` and `§6.4`; those that no table there has
are the terms of the real server's source, as it prints them.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus

_UNABLE = "Realtime was unable to connect to the project database"
_UNPROCESSABLE = HTTPStatus.UNPROCESSABLE_ENTITY


@dataclass(frozen=True, slots=True)
class Trouble:
    """One kind of trouble."""

    meaning: str
    at_join: str
    """The reason in the reply to a join."""
    while_joined: str
    """The system message before a channel is closed that brought a new token."""
    at_api: str
    """The message of the API's answer to a single private broadcast."""
    status: HTTPStatus = _UNPROCESSABLE
    """Its status."""
    is_attempt: bool = False
    """A connection was tried, and failed: too many of those and none is tried for a while."""
    is_outage: bool = False
    """Nobody can use the database at all."""
    asks_policies: bool = False
    """The connection is there; it is the row policies that cannot be asked."""


UNREACHABLE = "unreachable"
POOL_EXHAUSTED = "pool_exhausted"

TROUBLES: dict[str, Trouble] = {
    UNREACHABLE: Trouble(
        "it cannot be reached",
        f"UnableToConnectToProject: {_UNABLE}",
        _UNABLE,
        "Tenant database unavailable",
        is_attempt=True,
        is_outage=True,
    ),
    "too_many_connections": Trouble(
        "it takes no more connections",
        "DatabaseLackOfConnections: Database can't accept more connections, Realtime won't connect",
        ":tenant_db_too_many_connections",
        "Tenant database has too many connections",
        is_attempt=True,
    ),
    "initializing": Trouble(
        "another node is setting its connection up",
        "InitializingProjectConnection: Realtime is initializing the project connection",
        ":initializing",
        "Tenant database initializing",
    ),
    "connecting": Trouble(
        "its connection is being made",
        "InitializingProjectConnection: Connecting to the project database",
        ":tenant_database_connection_initializing",
        "Tenant database connection initializing",
        is_attempt=True,
    ),
    "rpc_timeout": Trouble(
        "the node that has its connection does not answer",
        "TimeoutOnRpcCall: Node request timeout",
        "Node request timeout",
        "RPC error",
        HTTPStatus.INTERNAL_SERVER_ERROR,
        is_attempt=True,
    ),
    POOL_EXHAUSTED: Trouble(
        "its pool is too small for all who ask about private channels",
        "IncreaseConnectionPool: Please increase your connection pool size",
        ":increase_connection_pool",
        "Connection pool exhausted",
        HTTPStatus.TOO_MANY_REQUESTS,
        asks_policies=True,
    ),
    "query_canceled": Trouble(
        "row policies take longer than a statement may",
        "QueryCanceled: canceling statement due to statement timeout",
        "Query was cancelled, please try again",
        "Query canceled",
        asks_policies=True,
    ),
    "missing_partition": Trouble(
        "realtime.messages has no partition for today",
        "MissingPartition: Realtime was unable to find the expected messages partition",
        _UNABLE,
        "Missing messages partition",
        asks_policies=True,
    ),
    "policies_failed": Trouble(
        "row policies fail in a way that the server does not know",
        _UNABLE,
        _UNABLE,
        "Unable to authorize broadcast",
        HTTPStatus.INTERNAL_SERVER_ERROR,
        asks_policies=True,
    ),
}
"""By the names that the lever `database_down` has for them."""

TOO_MANY_ATTEMPTS = Trouble(
    "too many connections failed just now, so none is tried",
    "DatabaseConnectionRateLimitReached: Too many database connections attempts per second",
    ":connect_rate_limit_reached",
    "Connect rate limit reached",
)
