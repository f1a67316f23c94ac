"""`make bench [PART]`: measure what we serve beside its peer, one after the other.

Exits with 1 when a target does not hold, 3 for a part that there is not.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

from tests.bench import fake_server, proxy
from tests.bench.row import Row

PARTS: dict[str, tuple[Callable[[], Iterator[Row]], str]] = {
    "fake_server": (fake_server.rows, "bare"),
    "proxy": (proxy.rows, "real"),
}


def main(asked: list[str]) -> int:
    """Measure the parts that are asked for, or all, and print the tables as they come."""
    if unknown := [part for part in asked if part not in PARTS]:
        print(f"there is no part {unknown[0]!r}; say {' or '.join(PARTS)}", file=sys.stderr)
        return 3
    missed = 0
    for part in asked or PARTS:
        rows, peer = PARTS[part]
        print(f"{part:<44}{'ratio':>7}{'ours':>12}{peer:>12}  target")
        for row in rows():
            print(row, flush=True)
            missed += not row.holds
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
