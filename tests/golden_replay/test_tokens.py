"""Tokens that were good are good again; those that were sent to be wrong stay wrong."""

from __future__ import annotations

import jwt
import pytest

from tests.golden_replay.tokens import SECRET, Mover, anon_key, is_signed

CLAIMS = {"role": "anon", "iat": 1_000_000, "exp": 1_003_600, "sub": "somebody"}
GOOD = jwt.encode(CLAIMS, SECRET, algorithm="HS256")


def test_the_times_of_a_token_move_and_its_signature_is_good() -> None:
    moved = Mover(500).move(f"ws://host/socket/websocket?apikey={GOOD}&vsn=1.0.0")
    token = moved.split("apikey=")[1].split("&")[0]
    claims = jwt.decode(token, SECRET, algorithms=["HS256"], options={"verify_exp": False})
    assert claims == {**CLAIMS, "iat": 1_000_500, "exp": 1_004_100}
    assert moved.endswith("&vsn=1.0.0")


def test_a_token_that_was_signed_otherwise_stays_so() -> None:
    token = jwt.encode(CLAIMS, "another secret that is long enough for HS256", algorithm="HS256")
    moved = Mover(500).move(token)
    assert moved != token
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(moved, SECRET, algorithms=["HS256"], options={"verify_exp": False})


@pytest.mark.parametrize("text", ["not-a-jwt", "eyJh.bm9uc2Vuc2U.x", '{"since": "junk"}', ""])
def test_what_is_no_token_stays_as_it_is(text: str) -> None:
    assert Mover(500).move(text) == text


def test_no_time_at_all_changes_nothing() -> None:
    assert Mover(0).move(GOOD) == GOOD


def test_the_start_of_a_replay_moves_too() -> None:
    assert Mover(2).move('{"since": 1795436862894}') == '{"since": 1795436864894}'


def test_the_key_for_a_header_is_good() -> None:
    assert is_signed(anon_key(1_000_000.5))
    assert not is_signed("a.b.c")
