"""The command line in Go's spellings and in the long ones."""

from __future__ import annotations

import pytest

from harness.toxiproxy.metrics import Metrics
from harness.toxiproxy.options import read_options


def test_the_originals_flags_are_taken_with_one_dash_or_two() -> None:
    options = [
        read_options(line.replace("--", dashes).split())
        for dashes in ("-", "--")
        for line in (
            "--host ::1 --port 1 --config c --seed -7 --proxy-metrics --runtime-metrics=false",
            "--host=::1 --port=1 --config=c --seed=-7 --proxy-metrics=T --runtime-metrics=0",
        )
    ]
    assert all(each == options[0] for each in options)
    assert options[0].metrics == Metrics(proxy=True, runtime=False)


def test_no_flag_is_abbreviated(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        read_options(["-ver"])
    assert "-ver" in capsys.readouterr().err


@pytest.mark.parametrize("spelled", ["-proxy-metrics=maybe", "-seed=soon", "-port=1e3", "-port="])
def test_a_bad_value_is_one_line_that_names_it(
    spelled: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        read_options([spelled])
    assert ended.value.code == 3
    said = capsys.readouterr().err
    assert repr(spelled.partition("=")[2]) in said
    assert len(said.splitlines()) == 1
