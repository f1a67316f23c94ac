"""Faults of one TCP stream with Toxiproxy's names, units and laws: pure, one kind a file."""

from harness.toxics.bandwidth import Bandwidth
from harness.toxics.chain import Chain
from harness.toxics.fatal import refuse_fatal
from harness.toxics.latency import Latency
from harness.toxics.limit_data import LimitData
from harness.toxics.noop import Noop
from harness.toxics.registry import TOXICS, make_toxic
from harness.toxics.reset_peer import ResetPeer
from harness.toxics.slicer import Slicer
from harness.toxics.slow_close import SlowClose
from harness.toxics.timeout import Timeout
from harness.toxics.toxic import (
    ATTRIBUTE_MAX,
    CHUNK_BYTES_MAX,
    BadToxic,
    Item,
    Signal,
    Stage,
    Timed,
    Toxic,
)

__all__ = [
    "ATTRIBUTE_MAX",
    "CHUNK_BYTES_MAX",
    "TOXICS",
    "BadToxic",
    "Bandwidth",
    "Chain",
    "Item",
    "Latency",
    "LimitData",
    "Noop",
    "ResetPeer",
    "Signal",
    "Slicer",
    "SlowClose",
    "Stage",
    "Timed",
    "Timeout",
    "Toxic",
    "make_toxic",
    "refuse_fatal",
]
