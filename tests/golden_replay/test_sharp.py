"""The comparison is sharp: whatever one frame of a recording is robbed of, changed in, or swapped
with, its case turns red; and what may vary does not."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.golden_replay.compare import compare
from tests.golden_replay.normalise import LOOSE, RACES, VARYING, is_own_leave, may_swap, normalise
from tests.golden_replay.transcript import Arrival, Arrivals, Case, Frame

RECORDED = Path(__file__).parent.parent / "golden"
README = (RECORDED / "README.md").read_text(encoding="utf-8")

SAMPLE = [
    "access_token_expired.v2",
    "binary_frames.v2",
    "broadcast_default.v1",
    "client_js_2.119.1_full",
    "connect_longpoll",
    "connect_unknown_tenant",
    "db_broadcast_send.v1",
    "join_bad_tokens.v1",
    "limit_joins_per_second.v2",
    "limit_payload_size.v2",
    "no_heartbeat_joined.v1",
    "pg_filters.v1",
    "pg_rls_secrets.v1",
    "pg_types.v1",
    "presence_same_key_two_conns.v1",
    "presence_track_untrack_leave.v1",
    "presence_track_untrack_leave.v2",
    "server_sigterm",
    "tenant_api_reload.v1",
]


def case(name: str) -> Case:
    return Case.read(RECORDED / "supabase" / f"{name}.jsonl")


def with_frames(arrivals: Arrivals, conn: str, frames: list[Arrival]) -> Arrivals:
    return {**arrivals, conn: frames}


@pytest.mark.parametrize("name", SAMPLE)
def test_a_recording_equals_itself(name: str) -> None:
    recorded = case(name)
    assert compare(recorded, recorded.expected) == []


@pytest.mark.parametrize("name", SAMPLE)
def test_each_dropped_frame_turns_its_case_red(name: str) -> None:
    recorded = case(name)
    for conn, frames in recorded.expected.items():
        for index, arrival in enumerate(frames):
            if is_own_leave(recorded, conn, arrival.frame):
                continue  # It may come or not (README).
            rest = frames[:index] + frames[index + 1 :]
            seen = with_frames(recorded.expected, conn, rest)
            assert compare(recorded, seen), f"{conn}, line {arrival.line}"


@pytest.mark.parametrize("name", SAMPLE)
def test_each_doubled_frame_turns_its_case_red(name: str) -> None:
    recorded = case(name)
    for conn, frames in recorded.expected.items():
        for index, arrival in enumerate(frames):
            twice = frames[: index + 1] + frames[index:]
            seen = with_frames(recorded.expected, conn, twice)
            assert compare(recorded, seen), f"{conn}, line {arrival.line}"


@pytest.mark.parametrize("name", SAMPLE)
def test_each_changed_value_turns_its_case_red(name: str) -> None:
    recorded = case(name)
    for conn, frames in recorded.expected.items():
        for index, arrival in enumerate(frames):
            for changed in changes(arrival.frame):
                spoilt = [*frames[:index], replace(arrival, frame=changed), *frames[index + 1 :]]
                seen = with_frames(recorded.expected, conn, spoilt)
                assert compare(recorded, seen), f"{conn}, line {arrival.line}: {changed}"


@pytest.mark.parametrize("name", SAMPLE)
def test_each_swap_with_the_next_turns_its_case_red_unless_they_race(name: str) -> None:
    recorded = case(name)
    for conn, frames in recorded.expected.items():
        for index in range(len(frames) - 1):
            one, other = frames[index : index + 2]
            if normalise(one.frame)[0] == normalise(other.frame)[0]:
                continue  # Twice the same: there is no order to see.
            swapped = [
                *frames[:index],
                replace(one, frame=other.frame),
                replace(other, frame=one.frame),
                *frames[index + 2 :],
            ]
            seen = with_frames(recorded.expected, conn, swapped)
            races = may_swap(recorded, conn, one, other)
            assert bool(compare(recorded, seen)) is not races, f"{conn}, line {one.line}"


@pytest.mark.parametrize("name", SAMPLE)
def test_each_frame_that_comes_much_too_late_or_early_turns_its_case_red(name: str) -> None:
    recorded = case(name)
    for conn, frames in recorded.expected.items():
        for index, arrival in enumerate(frames):
            for shift_s in (-3.5, 3.5):
                moved = replace(arrival, at_s=arrival.at_s + shift_s)
                seen = with_frames(
                    recorded.expected, conn, [*frames[:index], moved, *frames[index + 1 :]]
                )
                assert compare(recorded, seen), f"{conn}, line {arrival.line}"


def changes(frame: Frame) -> Iterator[Frame]:
    """The same frame with one of its values changed, for each value that means something."""
    if frame.kind != "text":
        yield from _changed_letters(frame)
        return
    try:
        value = json.loads(frame.body)
    except ValueError:
        yield from _changed_letters(frame)
        return
    names = {varying.what for varying in VARYING}
    shape = json.loads(_quoted(normalise(frame)[0].removeprefix("text ")))
    for path, leaf in _leaves(shape):
        if isinstance(leaf, str) and leaf.strip("<>") in names:
            continue
        yield Frame("text", json.dumps(_with_changed(value, path), separators=(",", ":")))


def _quoted(shape: str) -> str:
    """A shape as JSON again: what stands for a number gets quotes."""
    return re.sub(r'(?<!")(<[\w -]+>)(?!")', r'"\1"', shape)


def _leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _leaves(inner, (*path, list(value).index(key)))
    elif isinstance(value, list) and value:
        for index, inner in enumerate(value):
            yield from _leaves(inner, (*path, index))
    else:
        yield path, value


def _with_changed(value: Any, path: tuple[Any, ...]) -> Any:
    """The value with another one at a path; the members of objects are counted."""
    if not path:
        return _another(value)
    head, *rest = path
    if isinstance(value, dict):
        return {
            key: _with_changed(inner, tuple(rest)) if index == head else inner
            for index, (key, inner) in enumerate(value.items())
        }
    return [
        _with_changed(inner, tuple(rest)) if index == head else inner
        for index, inner in enumerate(value)
    ]


def _another(value: Any) -> Any:
    match value:
        case bool():
            return not value
        case int() | float():
            return value + 1
        case str():
            return f"{value}!"
        case _:
            return 0


def _changed_letters(frame: Frame) -> Iterator[Frame]:
    """Each word of the shape that is no placeholder, with its first letter changed."""
    shape, _ = normalise(frame)
    words = set(re.findall(r"\w+", re.sub(r"<[\w -]+>", "", shape)))
    for match in re.finditer(r"\w+", frame.body):
        if match[0] in words:
            letter = "x" if match[0][0] != "x" else "y"
            yield replace(
                frame, body=frame.body[: match.start()] + letter + frame.body[match.start() + 1 :]
            )


# What may vary.

JOIN = {
    "topic": "realtime:r",
    "event": "phx_join",
    "payload": {"config": {"presence": {"key": "me"}}},
    "ref": "1",
    "join_ref": "1",
}
TRACK = {"topic": "realtime:r", "event": "presence", "payload": {}, "ref": "2", "join_ref": "1"}
LEAVE = {"topic": "realtime:r", "event": "phx_leave", "payload": {}, "ref": "3", "join_ref": "1"}


def transcript(*lines: tuple[str, Any]) -> Case:
    """A case on connection A, from (dir, frame) pairs."""
    return Case(
        "written",
        tuple(
            {"t": 0.0, "dir": direction, "kind": "text", "data": _text(frame), "conn": "A"}
            for direction, frame in lines
        ),
    )


def _text(frame: Any) -> str:
    return frame if isinstance(frame, str) else json.dumps(frame, separators=(",", ":"))


def server(event: str, payload: Any, ref: str | None = None) -> dict[str, Any]:
    return {"ref": ref, "event": event, "payload": payload, "topic": "realtime:r"}


def diff(joins: Any, leaves: Any) -> dict[str, Any]:
    return server("presence_diff", {"joins": joins, "leaves": leaves})


def seen_as(*frames: Any) -> Arrivals:
    return {"A": [Arrival(0.0, Frame("text", _text(frame))) for frame in frames]}


def metas(ref: str) -> dict[str, Any]:
    return {"me": {"metas": [{"phx_ref": ref}]}}


OK = server("phx_reply", {"status": "ok", "response": {}}, "2")
JOINED = diff(metas("A" * 16), {})
LEFT = diff({}, metas("A" * 16))
CLOSED = server("phx_close", {}, "1")


def test_a_presence_reply_races_with_the_diff_that_it_causes() -> None:
    tracked = transcript(("client", TRACK), ("server", OK), ("server", JOINED))
    assert compare(tracked, seen_as(JOINED, OK)) == []


def test_a_presence_reply_does_not_race_with_a_diff_that_came_before_its_push() -> None:
    tracked = transcript(("server", JOINED), ("client", TRACK), ("server", OK))
    assert compare(tracked, seen_as(OK, JOINED)) != []


def test_another_reply_does_not_race_with_a_diff() -> None:
    left = transcript(("client", {**LEAVE, "ref": "2"}), ("server", OK), ("server", JOINED))
    assert compare(left, seen_as(JOINED, OK)) != []


@pytest.mark.parametrize("seen", [(LEFT, CLOSED), (CLOSED, LEFT), (CLOSED,)])
def test_an_own_leave_comes_before_or_after_the_close_or_not_at_all(seen: tuple[Any, ...]) -> None:
    for recorded in ((LEFT, CLOSED), (CLOSED, LEFT), (CLOSED,)):
        left = transcript(("client", JOIN), *(("server", frame) for frame in recorded))
        assert compare(left, seen_as(*seen)) == []


def test_the_leave_of_another_must_come() -> None:
    other = diff({}, {"you": metas("A" * 16)["me"]})
    left = transcript(("client", JOIN), ("server", other), ("server", CLOSED))
    assert compare(left, seen_as(CLOSED)) != []
    assert compare(left, seen_as(CLOSED, other)) != []


def test_an_own_leave_away_from_the_close_must_come() -> None:
    untracked = transcript(
        ("client", JOIN), ("client", TRACK), ("server", LEFT), ("server", OK), ("server", CLOSED)
    )
    assert compare(untracked, seen_as(OK, CLOSED)) != []


def test_equal_references_stay_equal_and_different_ones_different() -> None:
    recorded = transcript(("server", JOINED), ("server", LEFT))
    assert compare(recorded, seen_as(diff(metas("B" * 16), {}), diff({}, metas("B" * 16)))) == []
    assert compare(recorded, seen_as(diff(metas("B" * 16), {}), diff({}, metas("C" * 16)))) != []
    other = transcript(("server", JOINED), ("server", diff({}, metas("D" * 16))))
    assert compare(other, seen_as(diff(metas("B" * 16), {}), diff({}, metas("B" * 16)))) != []


def bindings(*ids: int) -> dict[str, Any]:
    changes = [{"id": number, "event": "*"} for number in ids]
    return server("phx_reply", {"status": "ok", "response": {"postgres_changes": changes}}, "1")


def test_the_ids_of_bindings_are_compared_up_to_one_renaming() -> None:
    change = server("postgres_changes", {"data": {}, "ids": [7, 9]})
    recorded = transcript(("server", bindings(7, 9)), ("server", change))
    renamed = server("postgres_changes", {"data": {}, "ids": [1, 2]})
    turned = server("postgres_changes", {"data": {}, "ids": [2, 1]})
    assert compare(recorded, seen_as(bindings(1, 2), renamed)) == []
    assert compare(recorded, seen_as(bindings(1, 2), turned)) != []
    assert compare(recorded, seen_as(bindings(1, 2), change)) != []


def test_an_id_that_the_client_gave_is_no_id_of_the_server() -> None:
    given = "11111111-1111-4111-8111-111111111111"
    other = given.replace("1", "2")
    recorded = transcript(
        ("client", {**TRACK, "payload": {"id": given}}),
        ("server", server("broadcast", {"id": given})),
    )
    assert compare(recorded, seen_as(server("broadcast", {"id": other}))) != []


def test_the_order_of_keys_and_the_notation_of_numbers_count() -> None:
    recorded = transcript(("server", '{"ref":null,"n":1.0e3}'))
    assert compare(recorded, seen_as('{"n":1.0e3,"ref":null}')) != []
    assert compare(recorded, seen_as('{"ref":null,"n":1000.0}')) != []


def test_the_bytes_of_a_binary_frame_count() -> None:
    line = {"t": 0.0, "dir": "server", "kind": "binary", "conn": "A"}
    recorded = Case("written", ({**line, "data": base64.b64encode(b"\x04\xff").decode()},))
    assert compare(recorded, {"A": [Arrival(0.0, Frame("binary", "\x04\xff"))]}) == []
    assert compare(recorded, {"A": [Arrival(0.0, Frame("binary", "\x04\xfe"))]}) != []


def test_frames_that_are_not_listed_are_counted() -> None:
    count = {"t": 0.0, "dir": "event", "kind": "count", "data": {"frames": 3}, "conn": "A"}
    listed = transcript(("server", OK), ("server", CLOSED)).lines
    recorded = Case("written", (listed[0], count, listed[1]))
    assert compare(recorded, seen_as(OK, JOINED, JOINED, LEFT, CLOSED)) == []
    for seen in ((OK, JOINED, LEFT, CLOSED), (OK, *[JOINED] * 4, CLOSED), (OK, CLOSED)):
        (difference,) = compare(recorded, seen_as(*seen))
        assert difference.expected == "count 3"
        assert difference.got == f"count {len(seen) - 2}"


def test_everything_that_is_normalised_is_allowed_by_the_readme() -> None:
    for entry in (*VARYING, *RACES, *LOOSE):
        assert entry.readme in README
