"""The errors that the manager raises at its caller; what the world does comes as events."""

from __future__ import annotations


class ManagerError(Exception):
    """Every error that this room raises."""


class InvalidSetting(ManagerError, ValueError):
    """A URL, topic, event, payload or setting that cannot work: names the value and the rule."""


class ManagerClosed(ManagerError):
    """The manager is not running: it was never started, or it has been closed."""


class AlreadySubscribed(ManagerError):
    """A second subscription to a topic: one topic is one channel on one socket."""


class ChannelUnsubscribed(ManagerError):
    """The channel was given up by `unsubscribe()`; subscribe again for a new one."""


class JoinTimedOut(ManagerError, TimeoutError):
    """The channel did not join in the time that the caller gave; the manager goes on trying."""


class FeedTimedOut(ManagerError, TimeoutError):
    """No changes could be heard of in the time that the caller gave; the manager goes on trying."""
