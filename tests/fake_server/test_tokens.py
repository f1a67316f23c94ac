"""Tokens: what is refused, in which words, and what is never quoted."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Callable
from typing import Any

import jwt
import pytest

from fake_server.tokens import Claims, Problem, TokenRefused, confirm, holder, sign, verify

SECRET = "a-secret-of-more-than-thirty-two-bytes-for-tests"
NOW_S = 1_800_000_000
GOOD = {"role": "anon", "exp": NOW_S + 60, "sub": "alice", "jti": "t-1"}


def headed(header: bytes) -> str:
    """A token with a header of one's own, and a signature for another."""
    rest = sign(GOOD, SECRET).partition(".")[2]
    return f"{urlsafe_b64encode(header).decode().rstrip('=')}.{rest}"


def refusal(token: str, check: Callable[..., Claims] = verify) -> TokenRefused:
    with pytest.raises(TokenRefused) as refused:
        check(token, SECRET, NOW_S + 0.5)
    assert not token or token not in str(refused.value)
    return refused.value


def test_a_good_token_names_its_holder_and_itself() -> None:
    claims = verify(sign(GOOD, SECRET), SECRET, NOW_S)
    assert (claims.role, claims.sub, claims.token_id) == ("anon", "alice", "t-1")
    assert claims.expires_s == NOW_S + 60


def test_a_token_is_read_without_its_spaces_and_its_percent_signs() -> None:
    token = sign(GOOD, SECRET).replace(".", " %2E\n")
    assert verify(token, SECRET, NOW_S).sub == "alice"


@pytest.mark.parametrize(("token", "problem"), [
    ("junk", Problem.MALFORMED),
    ("a.b.c", Problem.MALFORMED),
    ("", Problem.MALFORMED),
    (sign(GOOD, SECRET[::-1]), Problem.SIGNATURE),
    (jwt.encode(GOOD, "", algorithm="none"), Problem.SIGNER),
    (sign({"exp": NOW_S + 60}, SECRET), Problem.FIELDS),
    (sign({"role": "anon"}, SECRET), Problem.FIELDS),
    (sign({**GOOD, "exp": "tomorrow"}, SECRET), Problem.CLAIM),
    (sign({**GOOD, "exp": NOW_S - 0.5}, SECRET), Problem.CLAIM),
    (sign({**GOOD, "exp": True}, SECRET), Problem.CLAIM),
    (sign({**GOOD, "iat": "today"}, SECRET), Problem.CLAIM),
    (sign({**GOOD, "exp": float("inf")}, SECRET), Problem.MALFORMED),
    (jwt.PyJWS().encode(b'{"role":"anon","exp":1e400}', SECRET), Problem.MALFORMED),
    (sign(GOOD, SECRET).replace(".", "..", 1), Problem.MALFORMED),
    (sign(GOOD, SECRET) + "!", Problem.MALFORMED),
    (headed(b'{"alg":"HS999"}'), Problem.SIGNER),
    (headed(b'{"alg":["HS256"]}'), Problem.SIGNER),
    (headed(b'["HS256"]'), Problem.MALFORMED),
    (headed(b"[" * 100_000), Problem.MALFORMED),
    (sign({**GOOD, "exp": NOW_S}, SECRET), Problem.EXPIRED),
    (sign({**GOOD, "exp": NOW_S - 9}, SECRET[::-1]), Problem.SIGNATURE),
])  # fmt: skip
def test_each_defect_has_its_own_name(token: str, problem: Problem) -> None:
    assert refusal(token).problem is problem


def test_expiry_is_told_in_whole_seconds() -> None:
    expired = refusal(sign({**GOOD, "exp": NOW_S - 9}, SECRET))
    assert expired.at_connect == "Token has expired"
    assert expired.at_join == "InvalidJWTToken: Token has expired 9 seconds ago"
    assert expired.while_joined == "Token has expired 9 seconds ago"
    assert expired.status == 401


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_the_secret_checks_every_hmac(algorithm: str) -> None:
    token = jwt.encode(GOOD, SECRET * 2, algorithm)
    assert verify(token, SECRET * 2, NOW_S).sub == "alice"


@pytest.mark.parametrize(
    ("claim", "value", "printed"),
    [
        ("exp", "tomorrow", '[message: 1800000000, claim: "exp", claim_val: "tomorrow"]'),
        ("iat", None, '[message: "Invalid token", claim: "iat", claim_val: nil]'),
    ],
)
def test_a_claim_that_does_not_hold_has_no_words_of_its_own(
    claim: str, value: Any, printed: str
) -> None:
    refused = refusal(sign({**GOOD, claim: value}, SECRET))
    assert (refused.status, refused.at_connect) == (500, "Error connecting to Realtime")
    assert refused.at_join == "Unknown Error on Channel"
    assert refused.while_joined == printed


def test_a_token_that_ends_within_this_second_connects_and_cannot_join() -> None:
    token = sign({**GOOD, "exp": NOW_S + 0.25}, SECRET)
    assert verify(token, SECRET, NOW_S).sub == "alice"
    refused = refusal(token, confirm)
    assert refused.at_join == "InvalidJWTToken: Token expiration time is invalid"
    assert refused.while_joined == "0"


def test_a_token_that_lives_for_ever_is_taken() -> None:
    assert confirm(sign({**GOOD, "exp": 10**400}, SECRET), SECRET, NOW_S).expires_s == 1e12


@pytest.mark.parametrize(
    ("token", "printed"),
    [
        (sign(GOOD, SECRET[::-1]), ":signature_error"),
        (jwt.encode(GOOD, "", algorithm="none"), ":error_generating_signer"),
        ("junk", "The token provided is not a valid JWT"),
    ],
)
def test_a_joined_channel_hears_some_problems_as_the_runtime_prints_them(
    token: str, printed: str
) -> None:
    assert refusal(token).while_joined == printed


@pytest.mark.parametrize("sub", [None, 7, ["alice"]])
def test_a_sub_that_is_no_text_names_nobody(sub: Any) -> None:
    assert verify(sign({**GOOD, "sub": sub}, SECRET), SECRET, NOW_S).sub is None


def test_the_holder_is_read_from_expired_tokens_and_never_from_forged_ones() -> None:
    assert holder(sign({**GOOD, "exp": 1}, SECRET), SECRET) == "alice"
    assert holder(sign(GOOD, SECRET[::-1]), SECRET) is None
    assert holder(None, SECRET) is None


@pytest.mark.parametrize(("expected", "said", "holds"), [
    ("Issuer", "Issuer", True),
    ("Issuer", "issuer", False),
    (1, 1.0, True),
    (1, True, False),
    (True, True, True),
    (["a", 1], ["a", 1.0], True),
    (["a"], ["a", "b"], False),
    ({"a": [1]}, {"a": [1]}, True),
    ({"a": [1]}, {"a": [True]}, False),
    (None, None, True),
])  # fmt: skip
def test_an_expected_claim_has_to_be_equal_as_elixir_has_it(
    expected: Any, said: Any, holds: bool
) -> None:
    token = sign({**GOOD, "x": said}, SECRET)
    if holds:
        assert verify(token, SECRET, NOW_S, expected={"x": expected}).sub == "alice"
    else:
        with pytest.raises(TokenRefused) as raised:
            verify(token, SECRET, NOW_S, expected={"x": expected})
        assert raised.value.problem is Problem.CLAIM


def test_a_token_without_an_expected_claim_passes() -> None:
    assert confirm(sign(GOOD, SECRET), SECRET, NOW_S, expected={"iss": "me"}).role == "anon"


def test_claims_are_looked_at_in_the_order_of_their_names() -> None:
    token = sign({**GOOD, "exp": NOW_S, "aud": "x", "iss": "x"}, SECRET)
    for expected, problem in (({"aud": "y"}, Problem.CLAIM), ({"iss": "y"}, Problem.EXPIRED)):
        with pytest.raises(TokenRefused) as raised:
            verify(token, SECRET, NOW_S, expected=expected)
        assert raised.value.problem is problem


def test_what_is_expected_of_the_expiry_changes_nothing() -> None:
    verify(sign(GOOD, SECRET), SECRET, NOW_S, expected={"exp": 7})
    verify(sign({**GOOD, "iat": "x"}, SECRET), SECRET, NOW_S, expected={"iat": "x"})
