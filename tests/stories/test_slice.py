"""Some of the recorded cases, played again with the official clients in real time."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.real_clients.clients import node
from tests.stories.child import ROOT
from tests.stories.command import JAVASCRIPT
from tests.stories.test_sharp import RECORDED

SLICE = (
    "js.disconnect_once",
    "js.private_denied",
    "js.reset_peer_3s",
    "js.server_sigterm",
    "js.unsub_during_slow_join",
    "py.disabled_5s",
    "py.limit_data_3000",
    "py.quick_resubscribe",
    "py.tenant_reload",
    "py.unsub_during_slow_join",
)
"""A cut, resets, a server that ends and one that reloads, a refusal, slow and hasty calls, and
connections that end by bytes; all of them at once take as long as the longest. `make stories` plays
the others too."""


@pytest.mark.timeout(240)
def test_the_official_clients_tell_the_same_story_as_with_the_real_server() -> None:
    node()
    assert all(package.exists() for package in JAVASCRIPT), "run `make node`"
    chosen = [part for name in SLICE for part in ("--case", name)]
    played = subprocess.run(
        [sys.executable, "-m", "tests.stories", str(RECORDED), *chosen],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert played.returncode == 0, f"{played.stdout}\n{played.stderr}"
    assert f"{len(SLICE)} of {len(SLICE)} the same story" in played.stdout
