"""The toxics by their Toxiproxy type, and the one way to make one from data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from types import MappingProxyType
from typing import Any

from harness.toxics.bandwidth import Bandwidth
from harness.toxics.latency import Latency
from harness.toxics.limit_data import LimitData
from harness.toxics.noop import Noop
from harness.toxics.reset_peer import ResetPeer
from harness.toxics.slicer import Slicer
from harness.toxics.slow_close import SlowClose
from harness.toxics.timeout import Timeout
from harness.toxics.toxic import BadToxic, Toxic

TOXICS: Mapping[str, type[Toxic]] = MappingProxyType(
    {
        kind.type: kind
        for kind in (
            Latency,
            Bandwidth,
            SlowClose,
            Timeout,
            ResetPeer,
            Slicer,
            LimitData,
            Noop,
        )
    }
)


def make_toxic(type: str, attributes: Mapping[str, Any]) -> Toxic:
    """Make a toxic from Toxiproxy's type name and attributes.

    Raises `BadToxic` for a type or attribute that does not exist (the known ones are listed) and
    for a value out of range.
    """
    kind = TOXICS.get(type)
    if kind is None:
        raise BadToxic(f"there is no toxic {type!r}; the known ones are {', '.join(TOXICS)}")
    known = [field.name for field in fields(kind)]
    for name in attributes:
        if name not in known:
            raise BadToxic(
                f"toxic {type!r} has no attribute {name!r}; it has {', '.join(known) or 'none'}"
            )
    return kind(**attributes)
