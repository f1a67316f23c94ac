"""Facts about measuring: tally and rows agree, and the keys of failures are few and clean."""

from __future__ import annotations

from loadtests.measure import Crashed, Disconnected, Measure, Row, short


def test_what_is_measured_is_in_the_tally_and_in_the_rows() -> None:
    rows: list[Row] = []
    measure = Measure(rows.append)
    measure.time("join", 0.25)
    lost = Disconnected("close code 1012")
    measure.fail("disconnected", "disconnect", lost)
    assert rows == [Row("join", 0.25), Row("disconnect", None, lost)]
    assert measure.tally.durations["join"].count == 1
    assert measure.tally.reasons == {"disconnected: close code 1012": 1}


def test_the_stop_is_not_measured() -> None:
    """All users leave at once: what that does belongs to no steady load."""
    rows: list[Row] = []
    measure = Measure(rows.append)
    measure.close()
    measure.time("join", 0.25)
    measure.count("sent")
    measure.fail("crashed", "user", Crashed("KeyError"))
    assert not rows
    assert measure.tally.counts.total() == 0


def test_reasons_that_differ_in_their_numbers_are_one_key() -> None:
    """Locust has one line for each key; a key with an id or a time in it would have thousands."""
    one, other = "silent for 30.125 s on port 54311", "silent for 30.877 s on port 54312"
    assert short(one) == short(other)
    assert short("close code 1012") != short("close code 1001")


def test_a_key_shows_no_secret_and_has_a_bound() -> None:
    reason = short("refused: apikey=s3cret&vsn=2.0.0 " + "x" * 500)
    assert "s3cret" not in reason
    assert len(reason) <= 80


def test_a_failure_reads_well_in_locusts_table() -> None:
    assert repr(Disconnected("close code 1006")) == "Disconnected('close code 1006')"
