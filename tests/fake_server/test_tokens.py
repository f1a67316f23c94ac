"""Tokens: what is refused, in which words, and what is never quoted."""

from __future__ import annotations

from typing import Any

import jwt
import pytest

from fake_server.tokens import Problem, TokenRefused, holder, sign, verify

SECRET = "a-secret-of-more-than-thirty-two-bytes-for-tests"
NOW_S = 1_800_000_000.0
GOOD = {"role": "anon", "exp": NOW_S + 60, "sub": "alice", "jti": "t-1"}


def refusal(token: str) -> TokenRefused:
    with pytest.raises(TokenRefused) as refused:
        verify(token, SECRET, NOW_S)
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
    (sign({**GOOD, "exp": "tomorrow"}, SECRET), Problem.FIELDS),
    (sign({**GOOD, "exp": float("inf")}, SECRET), Problem.FIELDS),
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


@pytest.mark.parametrize("sub", [None, 7, ["alice"]])
def test_a_sub_that_is_no_text_names_nobody(sub: Any) -> None:
    assert verify(sign({**GOOD, "sub": sub}, SECRET), SECRET, NOW_S).sub is None


def test_the_holder_is_read_from_expired_tokens_and_never_from_forged_ones() -> None:
    assert holder(sign({**GOOD, "exp": 1}, SECRET), SECRET) == "alice"
    assert holder(sign(GOOD, SECRET[::-1]), SECRET) is None
    assert holder(None, SECRET) is None
