"""The production connection manager for Supabase Realtime: a connection that stays.

    async with ConnectionManager(url, apikey=key) as manager:
        channel = manager.subscribe("room:1", on_broadcast=print)
        await channel.joined(timeout_s=10)
        result = await channel.broadcast("hello", {"n": 1})

Changes of tables are a matter of the channel's settings, and flow once the feed is live:

    inserts = ChangeBinding(event="INSERT", table="todos")
    channel = manager.subscribe("db", on_change=print, config=ChannelConfig(changes=[inserts]))
    await channel.feed_live(timeout_s=30)  # then read the table

Two cores without I/O decide (`core`, `channel_core`), from the tables in `states`; a thin asyncio
shell performs (`shell`). What can be set stands in `config`, what is told in `events`, when to try
again in `backoff`. The states are drawn in `docs/manager-states.md`.
"""

from harness.manager.backoff import (
    ReconnectLadder,
    ReconnectPolicy,
    Refusal,
    RejoinLadder,
    RejoinPolicy,
)
from harness.manager.changes import Change, ChangeBinding
from harness.manager.channel_core import ChannelCore
from harness.manager.config import ChannelConfig, Config
from harness.manager.core import ConnectionCore
from harness.manager.errors import (
    AlreadySubscribed,
    ChannelUnsubscribed,
    FeedTimedOut,
    InvalidSetting,
    JoinTimedOut,
    ManagerClosed,
    ManagerError,
)
from harness.manager.events import (
    CallbackFailed,
    ChannelClosed,
    ChannelEvent,
    ChannelLost,
    Connected,
    DialFailed,
    Event,
    FeedGap,
    FeedLive,
    FeedLost,
    Gap,
    Joined,
    JoinFailed,
    Lost,
    MalformedReceived,
    Overflowed,
    Rejected,
    ServerNotice,
    SlowConsumer,
    Stopped,
)
from harness.manager.failures import Cause, Failure
from harness.manager.sends import Outcome, SendResult
from harness.manager.shell.channel import Channel
from harness.manager.shell.connection_manager import ConnectionManager
from harness.manager.states import ChannelState, FeedState, State
from harness.manager.stats import Stats

__all__ = [
    "AlreadySubscribed",
    "CallbackFailed",
    "Cause",
    "Change",
    "ChangeBinding",
    "Channel",
    "ChannelClosed",
    "ChannelConfig",
    "ChannelCore",
    "ChannelEvent",
    "ChannelLost",
    "ChannelState",
    "ChannelUnsubscribed",
    "Config",
    "Connected",
    "ConnectionCore",
    "ConnectionManager",
    "DialFailed",
    "Event",
    "Failure",
    "FeedGap",
    "FeedLive",
    "FeedLost",
    "FeedState",
    "FeedTimedOut",
    "Gap",
    "InvalidSetting",
    "JoinFailed",
    "JoinTimedOut",
    "Joined",
    "Lost",
    "MalformedReceived",
    "ManagerClosed",
    "ManagerError",
    "Outcome",
    "Overflowed",
    "ReconnectLadder",
    "ReconnectPolicy",
    "Refusal",
    "Rejected",
    "RejoinLadder",
    "RejoinPolicy",
    "SendResult",
    "ServerNotice",
    "SlowConsumer",
    "State",
    "Stats",
    "Stopped",
]
