"""Keys and tokens stay out of everything that is written down."""

import jwt
from hypothesis import given
from hypothesis import strategies as st

from harness.redact import TEXT_LENGTH_MAX, redact

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
