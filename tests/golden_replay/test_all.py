"""Our server does what the real one was recorded to do, case by case."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.golden_replay.command import IMPOSSIBLE, main, replay_simulated, told
from tests.golden_replay.transcript import Case

RECORDED = Path(__file__).parent.parent / "golden" / "supabase"

KNOWN_DIFFERENT: dict[str, str] = {}
"""The cases that are not equal yet, and what is missing. One that becomes equal fails here."""

NAMES = sorted(path.name.removesuffix(".jsonl") for path in RECORDED.glob("*.jsonl"))


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(
            name,
            marks=[pytest.mark.xfail(strict=True, reason=KNOWN_DIFFERENT[name])]
            if name in KNOWN_DIFFERENT
            else [],
        )
        for name in NAMES
        if name not in IMPOSSIBLE
    ],
)
def test_the_server_does_what_was_recorded(name: str) -> None:
    result = replay_simulated(Case.read(RECORDED / f"{name}.jsonl"))
    assert not result.differences, "\n".join(told(result))


def test_the_command_counts_all_cases(capsys: pytest.CaptureFixture[str]) -> None:
    code = main([str(RECORDED)])
    possible = len(NAMES) - len(IMPOSSIBLE)
    equal = possible - len(KNOWN_DIFFERENT)
    assert f"\n{equal} of {possible} equal\n" in f"\n{capsys.readouterr().out}"
    assert code == (1 if KNOWN_DIFFERENT else 0)


def test_what_is_known_to_differ_and_what_is_impossible_was_recorded() -> None:
    assert not {*KNOWN_DIFFERENT, *IMPOSSIBLE} - set(NAMES)
    assert len(IMPOSSIBLE) <= 4
