"""TOAST: which values a table keeps apart from its rows, so that the log does not repeat them."""

from __future__ import annotations

from collections.abc import Iterator

from fake_server.database.catalog import Column, Row, Table
from fake_server.database.output import output

_TUPLE_BYTES_MAX = 2032
_HEADER_BYTES = 24
_POINTER_BYTES = 18
_LEAST_BYTES = 24
"""Smaller values are not worth it."""
_KINDS = ("text", "varchar", "bpchar", "bytea", "json", "jsonb")
"""The types, beside arrays, whose values are compressed and kept apart."""
_FIXED_BYTES = {"bool": 1, "int2": 2, "int4": 4, "float4": 4, "date": 4, "uuid": 16, "interval": 16}

_TRIED_BYTES = 1024
"""Where nothing was saved in so much, compression gives up."""
_OFFSET_MAX, _MATCH_MAX, _GOOD_MATCH = 4095, 273, 128


def unchanged(table: Table, new: Row, old: Row) -> frozenset[str]:
    """The columns of an updated row that are kept apart and were not written anew."""
    same = [name for name in new if new[name] is old[name] and new[name] is not None]
    if sum(_bytes(column, old) for column in table.columns) <= _TUPLE_BYTES_MAX - _HEADER_BYTES:
        return frozenset()
    apart = kept_apart(table, old)
    return frozenset(name for name in same if name in apart)


def kept_apart(table: Table, row: Row) -> frozenset[str]:
    """The columns of a row that Postgres stores elsewhere: the largest first, each compressed, as
    long as the rest is too large."""
    room = _TUPLE_BYTES_MAX - _HEADER_BYTES
    sizes = {column.name: _bytes(column, row) for column in table.columns}
    waiting = [column for column in table.columns if _may_move(column)]
    apart: set[str] = set()
    for column in _largest_first(waiting, sizes, room):
        sizes[column.name] = _compressed(_octets(column, row), sizes[column.name])
        if sizes[column.name] > room:
            sizes[column.name] = _POINTER_BYTES
            apart.add(column.name)
    rest = [column for column in waiting if column.name not in apart]
    for column in _largest_first(rest, sizes, room):
        sizes[column.name] = _POINTER_BYTES
        apart.add(column.name)
    return frozenset(apart)


def _largest_first(columns: list[Column], sizes: dict[str, int], room: int) -> Iterator[Column]:
    """Each once, while all together need more than there is."""
    left = list(columns)
    while left and sum(sizes.values()) > room:
        largest = max(left, key=lambda column: sizes[column.name])
        if sizes[largest.name] <= _LEAST_BYTES:
            return
        left.remove(largest)
        yield largest


def _may_move(column: Column) -> bool:
    return column.type.startswith("_") or column.type in _KINDS


def _bytes(column: Column, row: Row) -> int:
    """About how much room a value takes in its row."""
    if row[column.name] is None:
        return 0
    if column.type in _FIXED_BYTES or not (_may_move(column) or column.type == "numeric"):
        return _FIXED_BYTES.get(column.type, 8)
    length = len(_octets(column, row))
    return length + (1 if length < 127 else 4)


def _octets(column: Column, row: Row) -> bytes:
    text = output(column.type, row[column.name])
    if column.type == "bytea":
        return bytes.fromhex(text.removeprefix("\\x"))
    return text.encode("utf-8", "replace")


def _compressed(data: bytes, size: int) -> int:
    """The size after compression, or as before where that saves less than a quarter; more than a
    row holds is counted no further."""
    written, items, saved, at = 0, 0, False, 0
    seen: dict[bytes, list[int]] = {}
    while at < len(data):
        if written > min(len(data) * 3 // 4, _TUPLE_BYTES_MAX):
            return size if written > len(data) * 3 // 4 else written
        if not saved and written >= _TRIED_BYTES:
            return size
        length = _match(data, at, seen.get(data[at : at + 4], []))
        saved = saved or length > 2
        length = length if length > 2 else 1
        # Eight items share a byte that says which of them are repetitions.
        written += (items % 8 == 0) + (1 if length == 1 else 2 if length < 18 else 3)
        items += 1
        for place in range(at, at + length):
            seen.setdefault(data[place : place + 4], []).append(place)
        at += length
    return written


def _match(data: bytes, at: int, places: list[int]) -> int:
    """How long the longest repetition is of something before."""
    longest, good = 0, _GOOD_MATCH
    for place in reversed(places):
        if at - place > _OFFSET_MAX:
            break
        length = 0
        most = min(_MATCH_MAX, len(data) - at)
        while length < most and data[place + length] == data[at + length]:
            length += 1
        if length > longest:
            longest = length
            if length >= good:
                break
        good -= good // 10
    return longest
