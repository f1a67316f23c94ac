"""The keys of a tenant besides its secret: a JSON Web Key Set, and how each algorithm uses a key.

Ours is the choice of the key, by the rules of `protocol.md §1.4`; the cryptography is PyJWT's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jwt.algorithms import Algorithm, ECAlgorithm, HMACAlgorithm, OKPAlgorithm, RSAAlgorithm
from jwt.exceptions import InvalidKeyError

ALGORITHMS: dict[str, tuple[str, Algorithm]] = {
    "HS256": ("oct", HMACAlgorithm(HMACAlgorithm.SHA256)),
    "HS384": ("oct", HMACAlgorithm(HMACAlgorithm.SHA384)),
    "HS512": ("oct", HMACAlgorithm(HMACAlgorithm.SHA512)),
    "RS256": ("RSA", RSAAlgorithm(RSAAlgorithm.SHA256)),
    "RS384": ("RSA", RSAAlgorithm(RSAAlgorithm.SHA384)),
    "RS512": ("RSA", RSAAlgorithm(RSAAlgorithm.SHA512)),
    "ES256": ("EC", ECAlgorithm(ECAlgorithm.SHA256)),
    "ES384": ("EC", ECAlgorithm(ECAlgorithm.SHA384)),
    "ES512": ("EC", ECAlgorithm(ECAlgorithm.SHA512)),
    "EdDSA": ("OKP", OKPAlgorithm()),
    "Ed25519": ("OKP", OKPAlgorithm()),
    "Ed448": ("OKP", OKPAlgorithm()),
}
"""Each algorithm that a token may name: the type of its keys, and what checks a signature."""

_FAMILIES: dict[str, Algorithm] = dict(ALGORITHMS.values())
_PRIVATE = ("d", "p", "q", "dp", "dq", "qi", "oth")
"""What a key holds beside its public part; the whole of an `oct` key is secret, and needed."""


@dataclass(frozen=True, slots=True, eq=False)
class KeySet:
    """The usable keys of a set, by type and id; two sets are never equal, so that it is a key."""

    _keys: Mapping[tuple[str, str], Any]
    public: Sequence[Mapping[str, Any]] = ()
    """The keys that everybody may know, as they were given; those of type `oct` are left out."""

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> KeySet:
        """Read `{"keys": [...]}`, private parts left out; of two keys with one id the first counts.

        Raises `ValueError`, naming the key by its place and never quoting it, for what is no key.
        """
        entries = document.get("keys")
        if not isinstance(entries, list):
            raise ValueError('jwks: no list of "keys"; a key set is {"keys": [{"kty": …}, …]}')
        keys: dict[tuple[str, str], Any] = {}
        for place, entry in enumerate(entries):
            name, key = _read(place, entry)
            keys.setdefault(name, key)
        return cls(keys, [_public(entry) for entry in entries if entry["kty"] != "oct"])

    def find(self, family: str, kid: str) -> Any | None:
        """The key with this id, if it has this type."""
        return self._keys.get((family, kid))

    def __repr__(self) -> str:
        return f"KeySet({[kid for _, kid in self._keys]})"


def _read(place: int, entry: Any) -> tuple[tuple[str, str], Any]:
    if not isinstance(entry, dict):
        raise ValueError(f"jwks: key {place} is no object")
    family, kid = entry.get("kty"), entry.get("kid")
    if family not in _FAMILIES:
        raise ValueError(f"jwks: key {place} has kty {family!r}; known are {', '.join(_FAMILIES)}")
    if not isinstance(kid, str):
        raise ValueError(f"jwks: key {place} has no kid; tokens name their key by it")
    try:
        return (family, kid), _FAMILIES[family].from_jwk(_public(entry))
    except (InvalidKeyError, ValueError, KeyError, TypeError):
        raise ValueError(f"jwks: key {place} ({kid!r}) is no {family} key that works") from None


def _public(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in entry.items() if name not in _PRIVATE}
