"""Which upgrades are accepted: what recordings of the bare server cannot show."""

from __future__ import annotations

import pytest

from fake_server import ServerConfig
from fake_server.handshake import Admission, Refusal, Upgrade, admit_upgrade
from fake_server.limits import Limits
from fake_server.switches.thrown import HttpRefusal, Kind, Switch, Switches
from fake_server.tokens import sign
from harness.protocol import V1, V2

NOW_S = 1_800_000_000.0
CONFIG = ServerConfig()
KEY = sign({"role": "anon", "exp": NOW_S + 60, "sub": "alice"}, CONFIG.jwt_secret)
GATEWAY = "/realtime/v1/websocket"
BARE = "/socket/websocket"
UPGRADE = {
    "connection": "keep-alive, Upgrade",
    "upgrade": "WebSocket",
    "sec-websocket-key": "any key will do",
    "sec-websocket-version": "13",
}
_NO_UPGRADE = "'connection' header must contain 'upgrade', got"
_NO_WEBSOCKET = "'upgrade' header must contain 'websocket', got"
_NO_VERSION = "'sec-websocket-version' header must equal '13', got"


def ask(target: str, host: str = "127.0.0.1:4000", switches: Switches | None = None) -> Admission:
    headers = {**UPGRADE, "host": host}
    return admit_upgrade(
        Upgrade.of(target, headers), CONFIG, switches or Switches(), Limits(), NOW_S
    )


def refusal(target: str, host: str = "127.0.0.1:4000", switches: Switches | None = None) -> Refusal:
    with pytest.raises(Refusal) as refused:
        ask(target, host, switches)
    return refused.value


@pytest.mark.parametrize("host", ["127.0.0.1:4000", "server", "abc.supabase.co", "localhost", ""])
def test_any_host_that_names_no_tenant_is_the_gateway(host: str) -> None:
    assert ask(f"{GATEWAY}?apikey={KEY}", host).client == "alice"
    refused = refusal(f"{BARE}?apikey={KEY}", host)
    assert (refused.status, refused.body) == (404, '{"error":"Tenant not found"}')


@pytest.mark.parametrize(
    "host", ["realtime-dev.localhost:54321", "realtime-dev.a.b", "realtime-dev"]
)
def test_a_host_that_names_the_tenant_is_the_bare_server(host: str) -> None:
    assert ask(f"{BARE}?apikey={KEY}", host).client == "alice"
    refused = refusal(f"{GATEWAY}?apikey={KEY}", host)
    assert (refused.status, refused.body, refused.delay_s) == (404, "Not Found", 0.0)


@pytest.mark.parametrize("path", [f"{BARE}/", "/socket//websocket", "//socket/websocket"])
def test_empty_parts_of_a_path_mean_nothing(path: str) -> None:
    assert ask(f"{path}?apikey={KEY}", "realtime-dev.localhost").client == "alice"
    refused = refusal("/socket/web%73ocket", "realtime-dev.localhost")
    assert (refused.status, refused.body) == (404, "Not Found")


@pytest.mark.parametrize(("vsn", "codec"), [("", V1), ("&vsn=1.0.7", V1), ("&vsn=2.0.1", V2)])
def test_the_version_is_negotiated_and_defaults_to_the_first(vsn: str, codec: object) -> None:
    assert ask(f"{GATEWAY}?apikey={KEY}{vsn}").codec is codec


@pytest.mark.parametrize("vsn", ["2", "3.0.0", "", "2.1.0", "2.0.0.0", "٢.0.0"])
def test_an_unknown_version_is_refused_before_all_else_at_once_and_without_words(vsn: str) -> None:
    refused = refusal(f"{BARE}?apikey=junk&vsn={vsn}", "nosuch.localhost")
    assert (refused.status, refused.body, refused.delay_s) == (403, "", 0.0)


def test_the_last_of_repeated_keys_counts_and_an_empty_key_is_no_token() -> None:
    assert ask(f"{GATEWAY}?apikey=junk&apikey={KEY}").client == "alice"
    refused = refusal(f"{GATEWAY}?apikey=")
    assert refused.body == '{"error":"The token provided is not a valid JWT"}'


def test_a_refusal_by_lever_names_the_client_and_comes_before_every_check() -> None:
    switches = Switches(Switch(Kind.REFUSE, HttpRefusal(429, retry_after_s=3)))
    refused = refusal(f"/nowhere?apikey={KEY}&vsn=9", switches=switches)
    assert (refused.status, refused.retry_after_s, refused.client) == (429, 3, "alice")
    assert refused.delay_s == 0.0


@pytest.mark.parametrize(
    ("header", "value", "words"),
    [
        ("connection", "close", f'{_NO_UPGRADE} ["close"]'),
        ("connection", "upgrades", f'{_NO_UPGRADE} ["upgrades"]'),
        ("connection", None, f"{_NO_UPGRADE} []"),
        ("upgrade", "h2c, x", f'{_NO_WEBSOCKET} ["h2c, x"]'),
        ("upgrade", None, f"{_NO_WEBSOCKET} []"),
        ("sec-websocket-key", None, "'sec-websocket-key' header is absent"),
        ("sec-websocket-version", "12", f'{_NO_VERSION} ["12"]'),
        ("sec-websocket-version", None, f"{_NO_VERSION} []"),
    ],
)
def test_an_upgrade_with_a_bad_header_is_a_bad_request_in_words(
    header: str, value: str | None, words: str
) -> None:
    headers = {name: text for name, text in UPGRADE.items() if name != header}
    if value is not None:
        headers[header] = value
    with pytest.raises(Refusal) as refused:
        admit_upgrade(
            Upgrade.of(f"{GATEWAY}?apikey={KEY}", headers), CONFIG, Switches(), Limits(), NOW_S
        )
    assert (refused.value.status, refused.value.body) == (400, words)
    assert refused.value.delay_s == 0.0


def test_of_several_bad_headers_the_first_in_the_order_of_the_real_server_is_named() -> None:
    found = []
    headers: dict[str, str] = {}
    for header in (*UPGRADE, None):
        with pytest.raises(Refusal) as refused:
            admit_upgrade(
                Upgrade.of(f"{GATEWAY}?apikey={KEY}", headers, "1.1" if header else "1.0"),
                CONFIG,
                Switches(),
                Limits(),
                NOW_S,
            )
        found.append(refused.value.body.partition(",")[0].split("'")[:2][-1])
        if header is not None:
            headers[header] = UPGRADE[header]
    assert found == [*UPGRADE, "HTTP version HTTP/1.0 unsupported"]


def test_the_headers_are_looked_at_when_the_key_is_good() -> None:
    with pytest.raises(Refusal) as refused:
        admit_upgrade(Upgrade.of(GATEWAY, {}), CONFIG, Switches(), Limits(), NOW_S)
    assert refused.value.body == '{"error":"API key is missing"}'


def test_no_repr_holds_a_key() -> None:
    upgrade = Upgrade.of(f"{GATEWAY}?apikey={KEY}", {"x-api-key": KEY})
    assert KEY not in repr(upgrade)
    assert KEY not in repr(ask(f"{GATEWAY}?apikey={KEY}"))
