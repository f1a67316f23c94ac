"""The codecs against every recorded frame, and against frames that nobody would record."""

from __future__ import annotations

import json
import traceback
from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.protocol import V1, V2, Codec, MalformedMessage, Sender, UnsupportedVersion, codec_for
from tests.golden_frames import Frame, frames

_NOT_JSON = "is not JSON"
_NOT_UTF8 = "is not UTF-8"
_NO_OBJECT = "a V1 message is a JSON object"
_NO_ARRAY = "a V2 message is a JSON array"
_TOO_SHORT = "a V2 message has 5 elements"
_HALF_A_PAIR = "half a surrogate pair"

REFUSED: dict[str, dict[int, str]] = {
    # The server itself breaks the JSON of V1 clients when a V2 client's broadcast is not JSON.
    "supabase/binary_frames.v2": {
        24: _NOT_JSON,
        37: _NOT_JSON,
        42: "a client sends no binary frames of kind 4",
    },
    # These two tell in angle brackets what was sent.
    "supabase/frame_4.9MB": {6: _NOT_JSON},
    "phoenix/invalid_utf8": {4: _NOT_JSON},
    # The server did not answer this one.
    "supabase/heartbeat.v1": {6: "lacks ref"},
    "supabase/malformed_frames.v1": {
        6: _NOT_JSON,
        7: _NOT_JSON,
        **dict.fromkeys((8, 9, 10, 11, 13, 14, 15, 22, 23), _NO_OBJECT),
        12: "lacks topic, event, payload, ref",
        19: "lacks payload",
        20: "lacks event",
        21: "lacks topic",
        24: _NOT_JSON,
        25: _HALF_A_PAIR,
        26: _NOT_JSON,
        27: _NOT_JSON,
        28: _NOT_UTF8,
    },
    "supabase/malformed_frames.v2": {
        6: _NOT_JSON,
        7: _NOT_JSON,
        **dict.fromkeys((8, 9, 10, 12, 18, 19, 20, 21), _NO_ARRAY),
        **dict.fromkeys((11, 13, 14), _TOO_SHORT),
        25: _NOT_JSON,
        26: _HALF_A_PAIR,
        27: "an empty binary frame",
        28: "ends within its header",
        29: "a client sends no binary frames of kind 255",
        30: "a client sends no binary frames of kind 123",
    },
    "phoenix/malformed.v1": {
        6: _NOT_JSON,
        12: _NOT_JSON,
        **dict.fromkeys((18, 24, 30, 36, 48, 54, 60, 88, 94), _NO_OBJECT),
        42: "lacks topic, event, payload, ref",
        76: "lacks payload",
        82: "lacks ref",
        98: _NOT_JSON,
        102: _NOT_JSON,
        106: _NOT_UTF8,
    },
    "phoenix/malformed.v2": {
        6: _NOT_JSON,
        12: _NOT_JSON,
        **dict.fromkeys((18, 24, 30, 42, 70, 76, 82), _NO_ARRAY),
        **dict.fromkeys((36, 48, 54), _TOO_SHORT),
        106: "an empty binary frame",
        110: "ends within its header",
        114: "a client sends no binary frames of kind 255",
    },
}
"""Every recorded frame that a codec refuses, by case and line, and why. Nearly all of them were
sent to see what the server does with them: it drops them."""


def _refusal(frame: Frame) -> str | None:
    try:
        codec_for(frame.vsn).decode(frame.data, sender=frame.dir)
    except MalformedMessage as error:
        return str(error)
    return None


def test_the_recorded_frames_that_were_sent_to_be_wrong_are_refused_and_no_others() -> None:
    """Exact in both directions: a codec that is too strict fails here as one too lenient does."""
    refusals = {frame.where: reason for frame in frames() if (reason := _refusal(frame))}
    listed = {
        f"{case}:{line}": why for case, lines in REFUSED.items() for line, why in lines.items()
    }
    assert refusals.keys() == listed.keys()
    assert [where for where, why in listed.items() if why not in refusals[where]] == []


def test_every_recorded_server_frame_is_encoded_as_the_server_did() -> None:
    """Binary frames byte for byte; JSON by value and order of keys, for the server renders a
    thousand as 1.0e3 and passes on the spaces of PostgreSQL's JSON."""
    seen: Counter[tuple[str, str, str]] = Counter()
    for frame in frames():
        if frame.dir == "client" or _is_refused(frame):
            continue
        codec = codec_for(frame.vsn)
        encoded = codec.encode(codec.decode(frame.data, sender="server"), sender="server")
        assert _comparable(encoded) == _comparable(frame.data), frame.where
        seen[frame.server, frame.vsn, frame.kind] += 1
    assert seen.keys() == {
        *(
            (server, vsn, "text")
            for server in ("supabase", "phoenix")
            for vsn in ("1.0.0", "2.0.0")
        ),
        *((server, "2.0.0", "binary") for server in ("supabase", "phoenix")),
    }


def test_every_recorded_binary_frame_of_a_v2_client_is_encoded_as_the_client_did() -> None:
    """Among them realtime-js's own: an independent encoder."""
    cases = set()
    for frame in frames():
        if frame.dir == "server" or frame.kind == "text" or frame.vsn != "2.0.0":
            continue
        if not _is_refused(frame):
            assert V2.encode(V2.decode(frame.data, sender="client")) == frame.data, frame.where
            cases.add(frame.case)
    assert cases >= {"client_js_2.119.1_full", "binary_frames.v2", "binary_v2"}


def _is_refused(frame: Frame) -> bool:
    return frame.line in REFUSED.get(f"{frame.server}/{frame.case}", {})


def _comparable(frame: str | bytes) -> Any:
    return json.loads(frame, object_pairs_hook=list) if isinstance(frame, str) else frame


@pytest.mark.parametrize(
    ("vsn", "codec"),
    [("1.0.0", V1), ("1.0.7", V1), ("2.0.0", V2), ("2.0.1", V2)],
)
def test_patch_versions_choose_the_same_codec(vsn: str, codec: Codec) -> None:
    assert codec_for(vsn) is codec


@pytest.mark.parametrize("vsn", ["", "1", "2", "2.0", "2.1.0", "3.0.0", "x", "2.0.0\n", "02.0.0"])
def test_any_other_version_is_refused(vsn: str) -> None:
    with pytest.raises(UnsupportedVersion, match=r"say 1\.0\.0 or 2\.0\.0"):
        codec_for(vsn)


_ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=()))
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | _ANY_TEXT,
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(_ANY_TEXT, inner, max_size=6),
)
_MESSAGE_SHAPED = st.lists(_JSON, min_size=5, max_size=6) | st.fixed_dictionaries(
    dict.fromkeys(("topic", "event", "payload", "ref"), _JSON), optional={"join_ref": _JSON}
)
_BINARY_SHAPED = st.builds(
    lambda kind, lengths, rest: bytes([kind, *lengths]) + rest,
    st.integers(0, 5),
    st.lists(st.integers(0, 9), max_size=6),
    st.binary(),
)


@st.composite
def _damaged_recordings(draw: st.DrawFn) -> str | bytes:
    data = draw(st.sampled_from(frames())).data
    start = draw(st.integers(0, len(data)))
    stop = draw(st.integers(start, min(len(data), start + 8)))
    if isinstance(data, bytes):
        return data[:start] + draw(st.binary(max_size=8)) + data[stop:]
    return data[:start] + draw(_ANY_TEXT) + data[stop:]


_HOSTILE = st.one_of(
    st.binary(),
    _ANY_TEXT,
    _BINARY_SHAPED,
    _MESSAGE_SHAPED.map(json.dumps),
    _MESSAGE_SHAPED.map(lambda value: json.dumps(value, ensure_ascii=False)),
    _MESSAGE_SHAPED.map(lambda value: json.dumps(value).encode()),
    _damaged_recordings(),
)


@given(
    frame=_HOSTILE, codec=st.sampled_from([V1, V2]), sender=st.sampled_from(["client", "server"])
)
@settings(deadline=None, max_examples=500, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_arrives_is_a_message_or_malformed(
    frame: str | bytes, codec: Codec, sender: Sender
) -> None:
    """And what was read can be written: a server relays it without checking it again."""
    try:
        message = codec.decode(frame, sender=sender)
    except MalformedMessage:
        return
    assert isinstance(hash((message.topic, message.event)), int)
    encoded = codec.encode(message, sender=sender)
    if isinstance(encoded, str):
        encoded.encode()
    assert codec.decode(encoded, sender=sender) == message


_SECRET = "eyJhbGciOiJIUzI1NiJ9.c2VjcmV0.c2lnbmF0dXJl"
_JOIN = {
    "1.0.0": json.dumps({"topic": "t", "event": "phx_join", "payload": {"access_token": _SECRET}}),
    "2.0.0": json.dumps(["1", "1", ["t"], "phx_join", {"access_token": _SECRET}]),
}


@pytest.mark.parametrize("vsn", ["1.0.0", "2.0.0"])
def test_no_error_quotes_an_access_token(vsn: str) -> None:
    """Wherever the frame breaks off: these errors are logged."""
    whole = _JOIN[vsn]
    for length in range(len(whole) + 1):
        for frame in (whole[:length], whole[:length].encode(), whole[:length] + "\ud800"):
            with pytest.raises(MalformedMessage) as raised:
                codec_for(vsn).decode(frame, sender="client")
            assert _SECRET[:8] not in "".join(traceback.format_exception(raised.value))
