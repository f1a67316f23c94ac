"""Tokens signed with other keys than the secret: which key checks them, and what is refused."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from fake_server.jwks import KeySet
from fake_server.tokens import TokenRefused, verify

SECRET = "a-secret-of-more-than-thirty-two-bytes-for-tests"
NOW_S = 1_800_000_000
GOOD = {"role": "authenticated", "exp": NOW_S + 60, "sub": "alice"}
OCT = "b2N0ZXQtc2VjcmV0LW9mLW1vcmUtdGhhbi10aGlydHktdHdvLWJ5dGVz"
OCT_SECRET = "octet-secret-of-more-than-thirty-two-bytes"


@cache
def private_key(algorithm: str) -> tuple[Any, Any]:
    """A key for an algorithm, and what writes it as a JWK."""
    match algorithm[:2], algorithm[2:]:
        case "RS", _:
            return rsa.generate_private_key(65537, 2048), RSAAlgorithm
        case "ES", size:
            curve = {"256": ec.SECP256R1(), "384": ec.SECP384R1(), "512": ec.SECP521R1()}[size]
            return ec.generate_private_key(curve), ECAlgorithm
        case _, "448":
            return ed448.Ed448PrivateKey.generate(), OKPAlgorithm
        case _:
            return ed25519.Ed25519PrivateKey.generate(), OKPAlgorithm


def jwk(algorithm: str, kid: str = "k1") -> dict[str, Any]:
    """The public key as a tenant publishes it."""
    key, writer = private_key(algorithm)
    return {**json.loads(writer.to_jwk(key.public_key())), "kid": kid}


def signed(algorithm: str, **header: Any) -> str:
    """A good token by the private key; the header says `algorithm`, whatever PyJWT calls it."""
    signer = jwt.PyJWS()
    if algorithm in ("Ed25519", "Ed448"):
        signer.register_algorithm(algorithm, OKPAlgorithm())
    payload = json.dumps(GOOD).encode()
    return signer.encode(payload, private_key(algorithm)[0], algorithm, header)


ASYMMETRIC = ["RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519", "Ed448"]


@pytest.mark.parametrize("algorithm", ASYMMETRIC)
def test_a_key_of_the_set_checks_the_tokens_that_name_it(algorithm: str) -> None:
    keys = KeySet.of({"keys": [jwk(algorithm)]})
    assert verify(signed(algorithm, kid="k1"), SECRET, NOW_S, keys).sub == "alice"


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
def test_a_forged_signature_is_refused(algorithm: str) -> None:
    keys = KeySet.of({"keys": [jwk(algorithm)]})
    head, _, signature = signed(algorithm, kid="k1").rpartition(".")
    forged = f"{head}.{'A' if signature[0] != 'A' else 'B'}{signature[1:]}"
    for token in (forged, f"{head}.", f"{head}.AAAA"):
        with pytest.raises(TokenRefused, match="signature"):
            verify(token, SECRET, NOW_S, keys)


def test_an_unknown_key_is_named_in_the_refusal() -> None:
    keys = KeySet.of({"keys": [jwk("ES256")]})
    with pytest.raises(TokenRefused) as refused:
        verify(signed("ES256", kid='k"2'), SECRET, NOW_S, keys)
    text = (
        'Failed to generate JWT signer for key ID (kid) "k\\"2", '
        "check your JWT secret or JWKS configuration"
    )
    assert refused.value.at_connect == text
    assert refused.value.at_join == f"JwtSignerError: {text}"
    assert refused.value.while_joined == text


@pytest.mark.parametrize("kid", [{}, {"kid": "k1"}])
def test_without_a_kid_or_without_a_set_there_is_no_signer(kid: dict[str, str]) -> None:
    keys = None if kid else KeySet.of({"keys": [jwk("ES256")]})
    with pytest.raises(TokenRefused) as refused:
        verify(signed("ES256", **kid), SECRET, NOW_S, keys)
    assert refused.value.at_join == (
        "JwtSignerError: Failed to generate JWT signer, check your JWT secret or JWKS configuration"
    )


def test_a_kid_counts_only_with_the_type_of_the_algorithm() -> None:
    """An RSA key must not serve a token that says ES256: `k1` is unknown there."""
    keys = KeySet.of({"keys": [jwk("RS256")]})
    with pytest.raises(TokenRefused, match="signer") as refused:
        verify(signed("ES256", kid="k1"), SECRET, NOW_S, keys)
    assert '"k1"' in refused.value.at_join


def test_a_public_key_is_no_hmac_secret() -> None:
    """The oldest attack on JWT: the token says HS256 and is signed with the public key's bytes."""
    public = jwk("RS256")
    keys = KeySet.of({"keys": [public]})
    token = jwt.encode(GOOD, public["n"], "HS256", {"kid": "k1"})
    with pytest.raises(TokenRefused, match="signature"):
        verify(token, SECRET, NOW_S, keys)


def test_an_octet_key_is_used_when_it_is_named_and_else_the_secret() -> None:
    keys = KeySet.of({"keys": [{"kty": "oct", "k": OCT, "kid": "k1"}]})
    for secret, header in ((OCT_SECRET, {"kid": "k1"}), (SECRET, {"kid": "k2"}), (SECRET, {})):
        token = jwt.encode(GOOD, secret, "HS256", dict(header))
        assert verify(token, SECRET, NOW_S, keys).sub == "alice"
    with pytest.raises(TokenRefused, match="signature"):
        verify(jwt.encode(GOOD, SECRET, "HS256", {"kid": "k1"}), SECRET, NOW_S, keys)


def test_of_two_keys_with_one_id_the_first_counts() -> None:
    second = {"kty": "oct", "k": "AAAA", "kid": "k1"}
    keys = KeySet.of({"keys": [{"kty": "oct", "k": OCT, "kid": "k1"}, second]})
    token = jwt.encode(GOOD, OCT_SECRET, "HS256", {"kid": "k1"})
    assert verify(token, SECRET, NOW_S, keys).sub == "alice"


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({}, 'no list of "keys"'),
        ({"keys": [7]}, "key 0 is no object"),
        (
            {"keys": [{"kty": "DSA", "kid": "a"}]},
            "key 0 has kty 'DSA'; known are oct, RSA, EC, OKP",
        ),
        ({"keys": [{"kty": "oct", "k": OCT}]}, "key 0 has no kid"),
        ({"keys": [{"kty": "EC", "kid": "a", "crv": "P-256"}]}, r"key 0 \('a'\) is no EC key"),
    ],
)
def test_a_wrong_key_set_is_refused_by_place_and_rule(document: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        KeySet.of(document)


def test_a_key_set_takes_private_keys_and_never_shows_any() -> None:
    key, writer = private_key("EdDSA")
    whole = {**json.loads(writer.to_jwk(key)), "kid": "k1"}
    keys = KeySet.of({"keys": [whole, {"kty": "oct", "k": OCT, "kid": "k2"}]})
    assert verify(signed("EdDSA", kid="k1"), SECRET, NOW_S, keys).sub == "alice"
    assert repr(keys) == "KeySet(['k1', 'k2'])"
