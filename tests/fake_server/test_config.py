"""Settings that cannot work are refused by name."""

from __future__ import annotations

from typing import Any

import pytest

from fake_server import ServerConfig


@pytest.mark.parametrize(("setting", "value", "rule"), [
    ("jwt_secret", "short", "32 bytes"),
    ("tenant", "two.labels", "no single DNS label"),
    ("tenant", "", "no single DNS label"),
    ("connect_error_delay_s", -1.0, "at least 0"),
    ("join_error_delay_s", -0.1, "at least 0"),
    ("idle_timeout_s", 0.0, "greater than 0"),
    ("frame_bytes_max", 0, "greater than 0"),
    ("outbox_bytes_max", -5, "greater than 0"),
])  # fmt: skip
def test_a_setting_out_of_range_is_named_with_its_rule(setting: str, value: Any, rule: str) -> None:
    with pytest.raises(ValueError, match=f"{setting}.*{rule}") as refused:
        ServerConfig(**{setting: value})
    assert "short" not in str(refused.value)
