"""Keys and tokens stay out of everything that is written down."""

import json
from typing import Any

import jwt
from hypothesis import given
from hypothesis import strategies as st

from harness.redact import CUT, DEPTH_MAX, TEXT_LENGTH_MAX, redact, redact_value

SECRET = "a-secret-of-at-least-thirty-two-characters"


@given(st.dictionaries(st.text(max_size=5), st.text(max_size=9), max_size=3), st.text(max_size=20))
def test_no_token_survives_in_any_text(claims: dict[str, str], around: str) -> None:
    token = jwt.encode({"sub": "alice", "more": claims}, SECRET)
    written = redact(f"{around}ws://host/x?vsn=1&apikey={token} {token}{around}")
    for part in token.split("."):
        assert part not in written


def test_supabase_keys_and_headers_are_taken_out() -> None:
    text = redact('sb_secret_abc123 Authorization: Bearer, "access_token": "abc" rest')
    assert "abc" not in text
    assert text.endswith("rest")


def test_a_long_text_is_cut_visibly() -> None:
    assert redact("x" * 9999) == "x" * TEXT_LENGTH_MAX + " … (cut)"


def test_an_ordinary_text_is_left_alone() -> None:
    text = "ConnectionRefusedError: [Errno 111] Connect call failed ('server', 4000)"
    assert redact(text) == text


KEY = jwt.encode({"role": "anon"}, SECRET)


def nested(value: Any) -> st.SearchStrategy[Any]:
    """That value somewhere in lists and objects, as a client may say it."""
    inner = st.sampled_from([value, f"ws://host?apikey={value}"])
    return st.recursive(
        inner,
        lambda one: st.lists(one, max_size=3) | st.dictionaries(st.text(max_size=30), one),
        max_leaves=9,
    )


@given(nested(KEY))
def test_no_key_survives_at_any_depth(value: Any) -> None:
    written = json.dumps(redact_value({"deep": value, KEY: 1}))
    for part in KEY.split("."):
        assert part not in written


def test_what_is_named_as_a_secret_is_left_out_at_any_depth() -> None:
    said = {"token": "abc", "deep": [{"Authorization": "abc", "reason": "closed"}]}
    assert redact_value(said) == {"deep": [{"reason": "closed"}]}


def test_a_deep_value_is_cut_visibly() -> None:
    value: Any = "bottom"
    for _ in range(100_000):
        value = [value]
    clean: Any = redact_value({"deep": value})["deep"]
    for _ in range(DEPTH_MAX - 1):
        (clean,) = clean
    assert clean == CUT


def test_a_large_value_is_cut_visibly_whatever_its_shape() -> None:
    clean = redact_value({"many": [{"a": 1, "b": 2}] * 100}, items_max=8)
    assert clean == {"many": [{"a": 1, "b": 2}, {"a": 1, "b": 2}, {CUT: CUT}, CUT]}
    assert redact_value({"x" * 9999: "y" * 9999}) == {redact("x" * 9999): redact("y" * 9999)}


def test_what_json_cannot_hold_is_told_in_words() -> None:
    clean = redact_value({"a": float("nan"), "b": 10**5000, "c": {1}, "d": (1, 2.5, None, True)})
    assert clean == {
        "a": "nan",
        "b": "(a number of 16610 bits)",
        "c": "(set)",
        "d": [1, 2.5, None, True],
    }
    assert json.loads(json.dumps(clean)) == clean
