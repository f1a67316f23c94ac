"""The server answers as the recorded one did: frame by frame, in order, and at the same times."""

from __future__ import annotations

import asyncio

import pytest

from fake_server import FakeServer, ServerConfig
from tests.fake_server.recorded_policies import RECORDED_POLICIES
from tests.fake_server.replay import Case, Replay, Seen
from tests.fake_server.stage import in_simulation

_TOLERANCE_S = 0.5
"""The network's part; the delays that matter are whole seconds."""

CASES = [
    "access_token_expired.v1",
    "access_token_expired.v2",
    "access_token_junk.v1",
    "access_token_junk.v2",
    "access_token_not_string.v1",
    "access_token_not_string.v2",
    "access_token_refresh.v1",
    "access_token_refresh.v2",
    "binary_frames.v2",
    "broadcast_ack.v1",
    "broadcast_ack.v2",
    "broadcast_default.v1",
    "broadcast_default.v2",
    "broadcast_empty_payload.v1",
    "broadcast_empty_payload.v2",
    "broadcast_odd_payloads.v1",
    "broadcast_odd_payloads.v2",
    "broadcast_self.v1",
    "broadcast_self.v2",
    "client_close_codes.v1",
    "connect_apikey_in_header",
    "connect_authorization_header_only",
    "connect_deflate_offered",
    "connect_eventsPerSecond_param",
    "connect_expired",
    "connect_garbage_apikey",
    "connect_garbage_apikey_dots",
    "connect_log_level_info",
    "connect_missing_apikey",
    "connect_missing_role",
    "connect_origin_foreign",
    "connect_path_no_transport",
    "connect_path_realtime_v1",
    "connect_plain_http_get",
    "connect_sb_publishable_key",
    "connect_service_role",
    "connect_unknown_tenant",
    "connect_valid_anon",
    "connect_valid_no_vsn",
    "connect_vsn_2",
    "connect_vsn_unsupported_3",
    "duplicate_join.v1",
    "duplicate_join.v2",
    "frame_4.9MB",
    "heartbeat.v1",
    "heartbeat.v2",
    "join_bad_tokens.v1",
    "join_bad_tokens.v2",
    "join_error_blocks_socket.v1",
    "join_payload_validation.v1",
    "join_ref_differs_from_ref.v1",
    "join_ref_differs_from_ref.v2",
    "join_ref_mismatch.v1",
    "join_ref_mismatch.v2",
    "leave.v1",
    "leave.v2",
    "malformed_frames.v1",
    "malformed_frames.v2",
    "no_heartbeat_joined.v1",
    "no_heartbeat_joined.v2",
    "presence_client_rate_limit.v1",
    "presence_client_rate_limit.v2",
    "presence_disabled.v1",
    "presence_disabled.v2",
    "presence_same_key_two_conns.v1",
    "presence_same_key_two_conns.v2",
    "presence_track_untrack_leave.v1",
    "presence_track_untrack_leave.v2",
    "private_allowed.v1",
    "private_allowed.v2",
    "private_denied.v1",
    "private_denied.v2",
    "private_readonly.v1",
    "private_readonly.v2",
    "unknown_event.v1",
    "unknown_event.v2",
]

_KEY = FakeServer().apikey
HEADERS = {
    "connect_apikey_in_header": {"x-api-key": _KEY},
    "connect_authorization_header_only": {"authorization": f"Bearer {_KEY}"},
    "connect_origin_foreign": {"origin": "https://evil.example"},
}
"""Request headers that the transcripts leave out."""


def replay(name: str) -> dict[str, list[Seen]]:
    """Play a case against a server whose clock shows the time of the recording."""
    case = Case(name)

    async def main() -> dict[str, list[Seen]]:
        loop_started_s = asyncio.get_running_loop().time()
        server = FakeServer(
            ServerConfig(message_policies=RECORDED_POLICIES),
            clock=lambda: case.started_s + asyncio.get_running_loop().time() - loop_started_s,
        )
        await server.start("server", 4000)
        seen = await Replay(case, server.host, server.port, HEADERS.get(name, {})).run()
        await server.stop()
        return seen

    return in_simulation(main)


@pytest.mark.parametrize("name", CASES)
def test_the_server_answers_as_it_was_recorded(name: str) -> None:
    expected = Case(name).expected()
    seen = replay(name)
    assert _frames(seen) == _frames(expected)
    for conn, frames in expected.items():
        for (recorded_s, frame), (seen_s, _) in zip(frames, seen[conn], strict=True):
            assert abs(seen_s - recorded_s) < _TOLERANCE_S, f"{conn}: {frame}"


def _frames(seen: dict[str, list[Seen]]) -> dict[str, list[tuple[object, ...]]]:
    return {conn: [frame for _, frame in frames] for conn, frames in seen.items()}
