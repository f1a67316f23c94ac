"""The reader of the recordings: a mistake here would spare the codec its test."""

from __future__ import annotations

from tests.golden_frames import GOLDEN, SERVERS, frames


def test_no_recorded_frame_is_left_out() -> None:
    lines = [
        line
        for server in SERVERS
        for path in (GOLDEN / server).glob("*.jsonl")
        for line in path.read_text(encoding="utf-8").splitlines()
        if '"kind": "text"' in line or '"kind": "binary"' in line
    ]
    assert len(frames()) == len(lines) > 2000


def test_a_frame_has_the_version_of_its_own_connection() -> None:
    """One case may have clients of both versions."""
    versions = {frame.conn: frame.vsn for frame in frames() if frame.case == "binary_frames.v2"}
    assert versions == {"A": "2.0.0", "B": "2.0.0", "C": "1.0.0"}


def test_a_connection_without_a_version_is_of_the_first() -> None:
    versions = {frame.vsn for frame in frames() if frame.case == "connect_valid_no_vsn"}
    assert versions == {"1.0.0"}


def test_a_described_frame_is_told_from_a_recorded_one() -> None:
    described = [frame.where for frame in frames() if frame.described]
    assert described == ["supabase/frame_4.9MB:6", "phoenix/invalid_utf8:4"]


def test_a_binary_frame_is_its_bytes() -> None:
    (first, *_) = [frame for frame in frames() if frame.where == "supabase/binary_frames.v2:14"]
    assert first.data == b'\x03\x01\x02\x0c\x03\x00\x01110realtime:binjev{"n":1, "sp" : [1,2] }'
