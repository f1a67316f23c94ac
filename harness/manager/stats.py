"""What a manager has counted since it was made."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Stats:
    """Counters that only rise; they survive reconnects, and close and start."""

    dials: int = 0
    handshakes: int = 0
    links_lost: int = 0
    heartbeats_sent: int = 0
    heartbeat_timeouts: int = 0
    standstills: int = 0
    """How often this process stood still for more than a second while it was connected."""
    joins_sent: int = 0
    joins_accepted: int = 0
    joins_failed: int = 0
    leaves_sent: int = 0
    gaps: int = 0
    broadcasts_written: int = 0
    broadcasts_acked: int = 0
    broadcasts_unsettled: int = 0
    """Ended as failed, expired, overflowed or unknown."""
    feed_gaps: int = 0
    feed_renewals: int = 0
    """Channels joined again because their feed of changes was not confirmed, or silent for long."""
    changes_received: int = 0
    """Changes of tables, for a channel's callback."""
    received: int = 0
    """Broadcasts for a channel's callback."""
    dropped: int = 0
    """Broadcasts and changes dropped because the callback was too slow."""
    callback_failures: int = 0
    malformed: int = 0
    stale: int = 0
    """Replies, closes and errors for a join or push that is no longer current; ignored."""
