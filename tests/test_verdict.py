"""How several conclusions become one."""

import pytest

from harness.verdict import Judgement, Outcome, Sli, Verdict, worst

V, U, X, N = Outcome.VALID, Outcome.UNKNOWN, Outcome.INVALID, Outcome.NOT_APPLICABLE


@pytest.mark.parametrize(
    ("outcomes", "decides"),
    [([V, V], V), ([V, U], U), ([U, X, V], X), ([N, V], V), ([N, N], N), ([], N), ([N, U], U)],
)
def test_the_worst_outcome_decides(outcomes: list[Outcome], decides: Outcome) -> None:
    assert worst(outcomes) is decides


def test_a_judgement_speaks_with_the_words_of_those_that_decided() -> None:
    judgement = Judgement(
        {
            "order": Verdict(V, "in order", slis={"reordered": Sli(value=0, unit="messages")}),
            "loss": Verdict(X, "3 lost"),
            "storm": Verdict(X, "800 a second"),
        }
    )
    assert judgement.outcome is X
    assert judgement.reason == "loss: 3 lost; storm: 800 a second"
    assert list(judgement.slis) == ["reordered"]
