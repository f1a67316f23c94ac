"""Checkers: pure functions from a history to a verdict; every one that applies judges every run."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from harness.checkers.acknowledgement import acknowledgement
from harness.checkers.answers import answers
from harness.checkers.checker import Checker, check_safe, judge_with
from harness.checkers.conduct import conduct
from harness.checkers.course import SPOILS
from harness.checkers.delivery import delivery
from harness.checkers.fault_felt import fault_felt
from harness.checkers.feed import feed
from harness.checkers.quiet import quiet
from harness.checkers.recovery import recovery
from harness.checkers.resubscription import resubscription
from harness.checkers.signs import SIGNS
from harness.checkers.steady_state import steady_state
from harness.checkers.storm import storm
from harness.checkers.tokens import tokens
from harness.checkers.truth import truth
from harness.history import History
from harness.verdict import Judgement

__all__ = ["CHECKERS", "SIGNS", "SPOILS", "Checker", "check_safe", "judge"]

CHECKERS: Mapping[str, Checker] = MappingProxyType(
    {
        "steady_state": steady_state,
        "delivery": delivery,
        "acknowledgement": acknowledgement,
        "recovery": recovery,
        "resubscription": resubscription,
        "truth": truth,
        "storm": storm,
        "quiet": quiet,
        "answers": answers,
        "conduct": conduct,
        "tokens": tokens,
        "feed": feed,
        "fault_felt": fault_felt,
    }
)
"""Those that judge every run, by the names that their verdicts carry."""


def judge(history: History, extra: Mapping[str, Checker] = MappingProxyType({})) -> Judgement:
    """Judge a history by all checkers, and by a scenario's own in `extra`."""
    return judge_with({**CHECKERS, **extra}, history)
