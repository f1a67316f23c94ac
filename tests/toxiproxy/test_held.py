"""Whatever a block does, and the server says: it is healed, or the error says what stays."""

from __future__ import annotations

import pytest

from harness.toxiproxy import BadRequest, ServerFailed, ToxicExists, ToxiproxyError, Unreachable
from harness.toxiproxy.held import held


class Server:
    """Something to make and to heal, either of which may fail."""

    def __init__(self, make: BaseException | None = None, heal: BaseException | None = None):
        self.is_there = False
        self._make_error, self._heal_error = make, heal
        self.healed = 0

    def make(self) -> Server:
        self.is_there = True
        if self._make_error:
            raise self._make_error
        return self

    def heal(self) -> None:
        self.healed += 1
        if self._heal_error:
            raise self._heal_error
        self.is_there = False


def test_it_is_there_inside_and_gone_after() -> None:
    server = Server()
    with held(server.make, server.heal, "it stays") as made:
        assert made.is_there
    assert not server.is_there


@pytest.mark.parametrize("error", [ZeroDivisionError(), KeyboardInterrupt(), ToxicExists("theirs")])
def test_it_is_gone_after_any_error_of_the_block(error: BaseException) -> None:
    server = Server()
    with pytest.raises(type(error)), held(server.make, server.heal, "it stays"):
        raise error
    assert not server.is_there


@pytest.mark.parametrize("unheard", [Unreachable("late"), ServerFailed("503"), KeyboardInterrupt()])
def test_what_may_have_been_made_unheard_is_healed(unheard: BaseException) -> None:
    server = Server(make=unheard)
    with pytest.raises(type(unheard)), held(server.make, server.heal, "it stays"):
        pytest.fail("the block must not run")
    assert not server.is_there


@pytest.mark.parametrize("refusal", [ToxicExists("there is one"), BadRequest("no")])
def test_what_was_refused_is_not_healed(refusal: ToxiproxyError) -> None:
    """It would take away what another has made."""
    server = Server(make=refusal)
    with pytest.raises(type(refusal)), held(server.make, server.heal, "it stays"):
        pytest.fail("the block must not run")
    assert server.healed == 0


def test_a_failure_to_heal_is_raised_when_the_block_was_well() -> None:
    server = Server(heal=Unreachable("gone"))
    with pytest.raises(Unreachable), held(server.make, server.heal, "it stays"):
        pass


def test_a_failure_to_heal_is_a_note_of_the_error_of_the_block() -> None:
    server = Server(heal=Unreachable("gone"))
    with pytest.raises(ZeroDivisionError) as error, held(server.make, server.heal, "it stays"):
        raise ZeroDivisionError
    assert error.value.__notes__ == ["and it stays: gone"]
