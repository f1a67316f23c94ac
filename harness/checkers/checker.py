"""What a checker is, and how several of them judge one history."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

from harness.history import History
from harness.verdict import Judgement, Outcome, Verdict

Checker = Callable[[History], Verdict]
"""A pure function of a history; everything that it may know is in there."""

_log = logging.getLogger(__name__)


def check_safe(checker: Checker, history: History) -> Verdict:
    """Let a checker judge; one that raises has concluded nothing, and its verdict says so.

    Jepsen's habit: a broken checker must neither pass a run nor hide what the others found.
    """
    try:
        return checker(history)
    except Exception as error:
        _log.exception("a checker broke")
        return Verdict(Outcome.UNKNOWN, f"the checker broke: {type(error).__name__}: {error}")


def judge_with(checkers: Mapping[str, Checker], history: History) -> Judgement:
    """Let each checker judge the whole history."""
    return Judgement({name: check_safe(checker, history) for name, checker in checkers.items()})
