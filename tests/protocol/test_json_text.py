"""JSON within bounds: what Python's parser lets pass and the server's does not."""

from __future__ import annotations

import pytest

from harness.protocol import MalformedMessage
from harness.protocol.json_text import DEPTH_MAX, dumps, loads


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("NaN", "NaN is no JSON number"),
        ("[-Infinity]", "-Infinity is no JSON number"),
        ("1e999", "beyond the range of a double"),
        ("1" * 5000, "not JSON"),
        ('"\\ud800"', "half a surrogate pair"),
        ('{"\\uDC00":1}', "half a surrogate pair"),
        ('"\ud800"', "half a surrogate pair"),
        ("\ufeff{}", "not JSON"),
        ('"a\nb"', "not JSON"),
        ("[1,]", "not JSON"),
        ("{'a':1}", "not JSON"),
        ("1 2", "not JSON"),
        (b"\xff\xfe", "not UTF-8 at byte 0"),
        (b'"\xed\xa0\x80"', "not UTF-8 at byte 1"),
    ],
)
def test_what_is_not_strict_json_is_refused(text: str | bytes, reason: str) -> None:
    with pytest.raises(MalformedMessage, match=reason) as raised:
        loads(text, "the frame")
    assert str(raised.value).startswith("the frame ")


def test_a_pair_of_escaped_surrogates_is_one_character() -> None:
    assert loads('"\\ud83c\\udf2a"', "the frame") == "🌪"


def test_a_backslash_before_what_looks_like_a_surrogate_is_just_text() -> None:
    assert loads('"\\\\ud800"', "the frame") == "\\ud800"


@pytest.mark.parametrize(("before", "after"), [("[", "]"), ('{"a":', "}"), ('[{"a":', "}]")])
def test_the_deepest_value_is_read_and_one_level_more_is_not(before: str, after: str) -> None:
    levels = before.count("[") + before.count("{")
    times = DEPTH_MAX // levels
    deepest = before * times + "1" + after * times
    value = loads(deepest, "the frame")
    assert dumps(value, "the frame") == deepest
    with pytest.raises(MalformedMessage, match="at most 256 levels"):
        loads(f"[{deepest}]", "the frame")
    with pytest.raises(MalformedMessage, match="at most 256 levels"):
        dumps([value], "the message")


@pytest.mark.parametrize("opening", ["[", '{"a":', "[{"])
def test_a_million_open_brackets_are_refused(opening: str) -> None:
    """Python's parser recurses: unguarded, one such frame stops a server with RecursionError."""
    with pytest.raises(MalformedMessage):
        loads(opening * 1_000_000, "the frame")


def test_many_shallow_brackets_are_read() -> None:
    """The bound is on depth, not on size."""
    assert len(loads(f"[{','.join(['[]'] * 10_000)}]", "the frame")) == 10_000
    assert loads(f'"{"[" * 10_000}"', "the frame") == "[" * 10_000


def test_what_is_written_is_compact_unescaped_and_in_order() -> None:
    assert dumps({"b": [1, 2.5, None], "a": "wörld 🌪"}, "the message") == (
        '{"b":[1,2.5,null],"a":"wörld 🌪"}'
    )


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (float("nan"), "cannot be written as JSON"),
        (b"bytes", "type bytes is not JSON"),
        ({(1, 2): 3}, "cannot be written as JSON"),
        ("\ud800", "half a surrogate pair"),
        pytest.param(10**5000, "cannot be written as JSON", id="a huge number"),
    ],
)
def test_what_json_cannot_express_is_not_written(value: object, reason: str) -> None:
    with pytest.raises(MalformedMessage, match=reason) as raised:
        dumps(value, "the message")
    assert str(raised.value).startswith("the message ")


def test_a_value_that_holds_itself_is_not_written() -> None:
    loop: list[object] = []
    loop.append(loop)
    with pytest.raises(MalformedMessage, match="Circular reference"):
        dumps(loop, "the message")


def test_a_value_deeper_than_the_stack_is_not_written() -> None:
    value: list[object] = []
    for _ in range(100_000):
        value = [value]
    with pytest.raises(MalformedMessage, match="nested too deeply"):
        dumps(value, "the message")
