"""Facts about the options: each mistake is named with its mend."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from loadtests.options import BadOption, Settings, read_settings


def said(**changed: object) -> SimpleNamespace:
    return SimpleNamespace(**{"rt_seed": "1", "rt_rate": "1", "rt_report": None, **changed})


def test_what_is_said_is_read() -> None:
    options = said(rt_seed="7", rt_rate="0.5", rt_report="here")
    assert read_settings(options) == Settings(seed=7, rate_per_s=0.5, report="here")


@pytest.mark.parametrize("rate", ["0", "-1", "nan", "inf", "1001", "fast"])
def test_a_rate_out_of_range_is_refused_by_name(rate: str) -> None:
    with pytest.raises(BadOption, match=f"--rt-rate '{rate}'"):
        read_settings(said(rt_rate=rate))


def test_a_seed_that_is_none_is_refused_by_name() -> None:
    with pytest.raises(BadOption, match="--rt-seed"):
        read_settings(said(rt_seed="x"))
