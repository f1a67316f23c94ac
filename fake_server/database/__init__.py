"""The database behind the fake server: tables, types, row policies, SQL, and its log of changes.

From the outside in:

- `engine` is the database of one project; `statements` (with `results`) and `definitions` are what
  SQL can say to it, `sql` reads it, `functions` and `realtime_functions` can be called in it.
- `store` reads and writes rows in transactions: `tables` has them (one `heap` each), `writes`
  checks and records each row by `constraints`, `foreign_keys`, `rights`, `new_rows` and `triggers`;
  `commit_log` keeps what Realtime reads, with large values as `toast` leaves them.
- `expressions` walks a condition within a `scope`; `operators` are what it does to `typed` values,
  `like` and `regex` its patterns.
- `types` names what a text is read as; `output` prints, `ordering` compares. Each kind of value has
  a file: `numbers`, `json_values` (`json_syntax`), `arrays`, `bytea`, `inet`, `intervals`,
  `moments` (`clock_words`, `calendar_days`, `transaction_time`).
- `catalog` is what there is to know of a table, `messages` the one that Realtime itself has,
  `errors` how a refusal is said, `render` what stands in the log that Realtime reads.
"""

from fake_server.database.catalog import (
    Caller,
    Change,
    Column,
    OnConflict,
    Policy,
    Predicate,
    Reference,
    Row,
    Schema,
    StoredMessage,
    Table,
    Tenant,
    User,
)
from fake_server.database.engine import Database
from fake_server.database.errors import DatabaseError
from fake_server.database.json_values import json_text
from fake_server.database.ordering import order_key
from fake_server.database.types import cast, from_json, label

__all__ = [
    "Caller",
    "Change",
    "Column",
    "Database",
    "DatabaseError",
    "OnConflict",
    "Policy",
    "Predicate",
    "Reference",
    "Row",
    "Schema",
    "StoredMessage",
    "Table",
    "Tenant",
    "User",
    "cast",
    "from_json",
    "json_text",
    "label",
    "order_key",
]
