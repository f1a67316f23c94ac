"""Frame rules by themselves: which frames they strike, and what comes out, in which order."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from fake_server.effects import Arrive, Effect, Later, Send
from fake_server.switches import rules
from fake_server.switches.rules import Rule, Rules
from fake_server.switches.where import Choice, Where
from harness.protocol import V2, Codec, Sender


@dataclass(frozen=True)
class Peer:
    id: int = 1
    client: str | None = "alice"
    codec: Codec = field(default=V2)


ALICE, BOB = Peer(1, "alice"), Peer(2, "bob")


_TOPICS = (
    {"topic": "hall"},
    {"topic": "realtime:hall"},
    {"topic": "ha*"},
    {"topic": "realtime:h*"},
)


def rule(act: Any, sender: Sender = "server", choice: Choice | None = None, **where: Any) -> Rule:
    return Rule(act=act, sender=sender, where=Where(**where), choice=choice or Choice())


def in_force(*some: Rule) -> Rules:
    found = Rules()
    for one in some:
        found.add(one)
    return found


def frame(event: str, topic: str = "room", ref: str | None = None) -> str:
    return json.dumps([None, ref, f"realtime:{topic}", event, {}])


def names(effects: list[Effect]) -> list[str]:
    """The events of the frames that come at once, in order."""
    return [json.loads(one.frame)[3] for one in effects if isinstance(one, Send | Arrive)]


def test_a_rule_strikes_what_is_in_its_scope_and_nothing_else() -> None:
    for where in ({"conn": 1}, {"client": "alice"}, {"event": "a"}, *_TOPICS):
        found = in_force(rule(rules.drop, **where))
        assert found.sent(ALICE, frame("a", "hall")) == []
        assert found.sent(BOB, frame("b", "room")) != []


def test_the_nth_is_counted_from_the_pull_and_among_those_in_scope() -> None:
    found = in_force(rule(rules.drop, choice=Choice(nth=2), event="a"))
    events = ["a", "b", "a", "a"]
    assert [names(found.sent(ALICE, frame(event))) for event in events] == [["a"], ["b"], [], ["a"]]


def test_a_count_is_the_most_that_are_struck() -> None:
    one = rule(rules.drop, choice=Choice(count=2))
    found = in_force(one)
    assert [names(found.sent(ALICE, frame("a"))) for _ in range(3)] == [[], [], ["a"]]
    assert (one.choice.seen, one.choice.hits) == (3, 2)


def test_a_share_is_drawn_from_the_seed_and_from_nothing_else() -> None:
    def pattern(seed: int) -> list[int]:
        found = in_force(rule(rules.drop, choice=Choice(share=0.5, rng=random.Random(seed))))
        return [len(found.sent(ALICE, frame("a"))) for _ in range(64)]

    assert pattern(1) == pattern(1) != pattern(2)
    assert 10 < sum(pattern(1)) < 54


def test_a_duplicate_comes_again_at_once_or_after_a_gap() -> None:
    sent = Send(1, frame("a"))
    at_once = in_force(rule(partial(rules.duplicate, times=2, gap_s=0.0)))
    assert at_once.sent(ALICE, frame("a")) == [sent] * 3
    gapped = in_force(rule(partial(rules.duplicate, times=2, gap_s=1.5)))
    assert gapped.sent(ALICE, frame("a")) == [sent, Later(1.5, sent), Later(3.0, sent)]


def test_delays_of_two_rules_add_up() -> None:
    slow = partial(rules.late, delay_s=2.0, jitter_s=0.0)
    found = in_force(rule(slow), rule(slow))
    assert found.sent(ALICE, frame("a")) == [Later(4.0, Send(1, frame("a")))]


def test_reordered_frames_change_places_with_the_next_of_their_connection() -> None:
    found = in_force(rule(rules.reorder, choice=Choice(nth=1)))
    assert found.sent(ALICE, frame("a")) == []
    assert names(found.sent(BOB, frame("x"))) == ["x"]
    assert names(found.sent(ALICE, frame("b"))) == ["b", "a"]
    assert names(found.sent(ALICE, frame("c"))) == ["c"]


def test_what_a_rule_holds_is_let_go_when_the_rule_is_taken_back() -> None:
    one = rule(rules.reorder)
    found = in_force(one)
    assert found.sent(ALICE, frame("a")) == []
    assert found.remove(one) == [Send(1, frame("a"))]
    assert found.remove(one) == []
    assert not found


def test_what_is_held_for_a_connection_that_ended_is_lost() -> None:
    one = rule(rules.reorder)
    found = in_force(one)
    found.sent(ALICE, frame("a"))
    found.forget(ALICE.id)
    assert found.remove(one) == []


def test_a_reply_is_known_by_the_request_that_it_answers() -> None:
    found = in_force(rule(rules.drop, answers="phx_join"))
    found.arriving(ALICE, frame("phx_join", ref="1"))
    found.arriving(ALICE, frame("broadcast", ref="2"))
    assert found.sent(BOB, frame("phx_reply", ref="1")) != []
    assert found.sent(ALICE, frame("phx_reply", ref="1")) == []
    assert found.sent(ALICE, frame("phx_reply", ref="2")) != []


def test_requests_are_remembered_within_a_bound() -> None:
    found = in_force(rule(rules.drop, answers="phx_join"))
    for ref in range(30_000):
        found.arriving(ALICE, frame("phx_join", ref=str(ref)))
    assert len(found._asked) == 10_000
    assert found.sent(ALICE, frame("phx_reply", ref="29999")) == []
    assert found.sent(ALICE, frame("phx_reply", ref="1")) != []


def test_frames_of_a_client_are_struck_only_by_rules_for_the_client() -> None:
    found = in_force(rule(rules.drop, sender="client", event="heartbeat"))
    assert found.arriving(ALICE, frame("heartbeat")) == []
    assert found.arriving(ALICE, frame("a")) == [Arrive(1, frame("a"))]
    assert found.sent(ALICE, frame("heartbeat")) == [Send(1, frame("heartbeat"))]


def test_what_is_no_message_is_struck_only_by_rules_without_a_scope() -> None:
    assert in_force(rule(rules.drop)).sent(ALICE, "%{error: 1}") == []
    assert in_force(rule(rules.drop, event="a")).sent(ALICE, "%{error: 1}") != []


def test_a_corrupt_frame_passes_on_to_the_next_rule() -> None:
    bad = partial(rules.corrupt, how="bad_json")
    found = in_force(rule(bad), rule(partial(rules.duplicate, times=1, gap_s=0.0)))
    first, second = found.sent(ALICE, frame("a"))
    assert first == second != Send(1, frame("a"))
