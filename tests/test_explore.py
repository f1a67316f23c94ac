"""The search for the smallest schedule that breaks a client."""

from hypothesis import strategies as st

from harness.explore import explore, schedules_verdict
from harness.nemesis import Fault
from harness.verdict import Judgement, Outcome, Verdict

NAMES = st.lists(st.sampled_from(["drain", "close", "mute_live"]), min_size=1, max_size=6)


def schedule(names: list[str]) -> list[Fault]:
    return [Fault(name, after_s=place) for place, name in enumerate(names)]


SCHEDULES = NAMES.map(schedule)


def judge(outcome: Outcome) -> Judgement:
    return Judgement({"any": Verdict(outcome, "because")})


def breaks_on_two_closes(faults: list[Fault]) -> Judgement:
    count = [fault.name for fault in faults].count("close")
    return judge(Outcome.INVALID if count >= 2 else Outcome.VALID)


def test_a_failing_schedule_is_made_small() -> None:
    found = explore(SCHEDULES, breaks_on_two_closes, from_seed=1)
    assert found.broken
    assert [fault.name for fault in found.faults] == ["close", "close"]
    verdict = schedules_verdict(found)
    assert verdict.outcome is Outcome.INVALID
    assert "Fault('close', after_s=1), then Fault('close', after_s=2)" in verdict.reason


def test_shrinking_has_a_bound() -> None:
    runs: list[list[Fault]] = []

    def count(one: list[Fault]) -> Judgement:
        runs.append(one)
        return breaks_on_two_closes(one)

    found = explore(SCHEDULES, count, from_seed=1, shrinks_max=2)
    first_broken = next(
        place
        for place, one in enumerate(runs)
        if breaks_on_two_closes(one).outcome is Outcome.INVALID
    )
    assert found.broken
    assert len(runs) <= first_broken + 1 + 2
    assert found.exhausted
    assert "a smaller one may exist" in schedules_verdict(found).reason


def test_a_sound_client_survives_every_schedule() -> None:
    found = explore(SCHEDULES, lambda one: judge(Outcome.VALID), from_seed=1, examples_max=30)
    assert not found.broken
    assert schedules_verdict(found).outcome is Outcome.VALID


def test_what_is_only_unknown_breaks_nothing() -> None:
    """A fault that nobody felt proves nothing, in either direction."""
    found = explore(SCHEDULES, lambda one: judge(Outcome.UNKNOWN), from_seed=1, examples_max=5)
    assert not found.broken
    assert schedules_verdict(found).outcome is Outcome.UNKNOWN


def test_the_same_seed_tries_the_same_schedules() -> None:
    def tried(seed: int) -> list[str]:
        seen: list[str] = []

        def note(one: list[Fault]) -> Judgement:
            seen.append(repr(one))
            return judge(Outcome.VALID)

        explore(SCHEDULES, note, from_seed=seed, examples_max=20)
        return seen

    assert tried(5) == tried(5)
    assert tried(5) != tried(6)
