"""The events and topics that the protocol itself uses (`protocol.md §1.6`, `§2` to `§5`)."""

from typing import Final

PHOENIX: Final = "phoenix"
"""The topic of the socket itself: heartbeats go here."""
TOPIC_PREFIX: Final = "realtime:"
"""Every channel's topic begins with it; what follows is the sub-topic that users know."""

PHX_JOIN: Final = "phx_join"
PHX_LEAVE: Final = "phx_leave"
PHX_CLOSE: Final = "phx_close"
PHX_ERROR: Final = "phx_error"
PHX_REPLY: Final = "phx_reply"
HEARTBEAT: Final = "heartbeat"

BROADCAST: Final = "broadcast"
PRESENCE: Final = "presence"
PRESENCE_STATE: Final = "presence_state"
PRESENCE_DIFF: Final = "presence_diff"
POSTGRES_CHANGES: Final = "postgres_changes"
SYSTEM: Final = "system"
ACCESS_TOKEN: Final = "access_token"
