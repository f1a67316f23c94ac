"""Row policies on messages: what they match, and when a channel's access is looked up."""

from __future__ import annotations

import random

import pytest

from fake_server.authorization import Access, Attempt
from fake_server.database import Caller, Database, Policy
from fake_server.database.like import like
from tests.fake_server.recorded_policies import RECORDED_POLICIES, policy, schema_of


@pytest.mark.parametrize(
    ("pattern", "topic", "matches"),
    [
        ("a-%", "a-1", True),
        ("a-%", "a-", True),
        ("a-%", "ba-1", False),
        ("a_1", "a-1", True),
        ("a_1", "a--1", False),
        ("%", "any\nthing", True),
        ("a.1", "a-1", False),
        ("", "a", False),
        ("%b%b", "abab", True),
        ("%ab%b", "ab", False),
        ("%%a_%", "ba", False),
        (r"a\%", "a%", True),
        (r"a\%", "ab", False),
        ("%-" * 20 + "x", "-" * 5000, False),
    ],
)
def test_topics_match_as_like_does(pattern: str, topic: str, matches: bool) -> None:
    """And in time: a topic is as long as its sender likes, and many `%` must not multiply."""
    assert like(topic, pattern) is matches


def database(*policies: Policy) -> Database:
    return Database(schema_of(*policies), random.Random(1), 0.0)


def test_a_policy_is_for_one_command_one_role_and_one_extension() -> None:
    asked = database(policy("select", "anon", extension="broadcast")).may_use_topic
    assert asked("select", "a", "broadcast", Caller("anon", {}))
    assert not asked("insert", "a", "broadcast", Caller("anon", {}))
    assert not asked("select", "a", "broadcast", Caller("authenticated", {}))
    assert not asked("select", "a", "presence", Caller("anon", {}))


def test_a_policy_without_role_and_extension_is_for_all() -> None:
    asked = database(policy("select", None)).may_use_topic
    assert asked("select", "a", "presence", Caller("authenticated", {}))


@pytest.mark.parametrize(("role", "permits"), [("service_role", True), ("authenticated", False)])
def test_only_the_service_role_needs_no_policy(role: str, permits: bool) -> None:
    asked = database().may_use_topic
    assert asked("insert", "a", "presence", Caller(role, {})) is permits


class Asked:
    """Access by the recorded policies, and what was looked up for it, in order."""

    def __init__(self, topic: str) -> None:
        self.looked_up: list[tuple[str, str]] = []
        self._database = database(*RECORDED_POLICIES)
        self.access = Access(self._permits, topic, "authenticated", {})

    def _permits(self, attempt: Attempt) -> bool:
        self.looked_up.append((attempt.command, attempt.extension))
        caller = Caller(attempt.role, attempt.claims)
        return self._database.may_use_topic(
            attempt.command, attempt.sub_topic, attempt.extension, caller
        )


READS = [("select", "broadcast"), ("select", "presence")]
WRITES = [("insert", "broadcast"), ("insert", "presence")]


@pytest.mark.parametrize(
    ("topic", "reads", "broadcasts", "tracks"),
    [
        ("priv-1", True, True, True),
        ("ro-1", True, False, False),
        ("bonly-1", True, True, False),
        ("other", False, False, False),
    ],
)
def test_the_recorded_tenant(topic: str, reads: bool, broadcasts: bool, tracks: bool) -> None:
    access = Asked(topic).access
    assert access.read(with_presence=True) is reads
    assert (access.may_broadcast(), access.may_track()) == (broadcasts, tracks)


def test_permissions_are_looked_up_when_first_needed_and_once() -> None:
    asked = Asked("priv-1")
    asked.access.read(with_presence=False)
    assert asked.looked_up == READS[:1]
    for _ in range(2):
        asked.access.may_track()
        asked.access.may_broadcast()
    assert asked.looked_up == READS + WRITES
    assert asked.access.presence_read is True


def test_a_send_before_the_first_track_leaves_presence_unread() -> None:
    asked = Asked("priv-1")
    asked.access.read(with_presence=False)
    asked.access.may_broadcast()
    assert asked.access.may_track()
    assert asked.access.presence_read is None


@pytest.mark.parametrize(
    ("before", "after", "lost"),
    [
        ((True, True), (True, True), False),
        ((True, True), (False, True), True),
        ((True, True), (True, False), True),
        ((True, True), (True, None), False),
        ((False, True), (True, True), False),
        ((True, None), (True, False), False),
    ],
)
def test_access_is_lost_when_what_could_be_read_cannot_be_any_more(
    before: tuple[bool, bool | None], after: tuple[bool, bool | None], lost: bool
) -> None:
    old, new = Asked("a").access, Asked("a").access
    old.broadcast_read, old.presence_read = before
    new.broadcast_read, new.presence_read = after
    assert old.lost(new) is lost
