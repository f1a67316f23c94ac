"""Which of the rows an answer holds: `limit`, `offset`, `Range`, and the most that is given."""

from __future__ import annotations

import re
from dataclasses import dataclass

from fake_server.database import DatabaseError
from fake_server.rest.errors import bad_range, out_of_bounds
from fake_server.rest.model import Part

ROWS_MAX = 1000
"""The most rows of one answer, as a Supabase project has it unless told otherwise."""
_HEADER = re.compile(r"([0-9]{1,15})-([0-9]{0,15})")


@dataclass(frozen=True, slots=True)
class Window:
    """From `offset` on, `limit` rows at most."""

    offset: int
    limit: int

    def content_range(self, count: int, total: int | None) -> str:
        """`0-9/100`, where `count` rows are given and there are `total`."""
        last = self.offset + count - 1
        span = f"{self.offset}-{last}" if total != 0 and self.offset <= last else "*"
        return f"{span}/{'*' if total is None else total}"

    def status(self, count: int, total: int | None) -> int:
        """200, or 206 for a part. Raises `Refused` 416 for a start behind the end."""
        if total is None:
            return 200
        if self.offset > total:
            raise out_of_bounds(self.offset, total)
        return 206 if count < total else 200


def window(part: Part, header: str, rows_max: int = ROWS_MAX) -> Window:
    """What the query and the header `Range` have in common. Raises `Refused` PGRST103, and
    `DatabaseError` 2201X for a negative offset."""
    if part.offset < 0:
        raise DatabaseError("2201X", "OFFSET must not be negative")
    first, end = part.offset, part.offset + _least(part.limit, rows_max)
    asked = _HEADER.fullmatch(header)
    if asked is not None:
        lower, upper = int(asked[1]), int(asked[2]) if asked[2] else None
        if upper is not None and upper < lower:
            raise bad_range(
                "The lower boundary must be lower than or equal to the upper boundary in the "
                "Range header."
            )
        first = max(first, lower)
        unbounded = part.limit is None
        end = first + rows_max if unbounded else min(end, first + rows_max)
        end = end if upper is None else min(end, upper + 1)
    return Window(first, max(0, end - first))


def _least(limit: int | None, rows_max: int) -> int:
    return rows_max if limit is None else min(limit, rows_max)
