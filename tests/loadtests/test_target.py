"""Facts about the target: what is accepted as a host, and that a key is never repeated."""

from __future__ import annotations

import pytest

from loadtests.target import BadTarget, read_target


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("https://ref.supabase.co", "wss://ref.supabase.co/realtime/v1"),
        ("https://ref.supabase.co/", "wss://ref.supabase.co/realtime/v1"),
        ("http://127.0.0.1:54321", "ws://127.0.0.1:54321/realtime/v1"),
        ("ws://[::1]:4000/socket", "ws://[::1]:4000/socket"),
        ("wss://ref.supabase.co/realtime/v1", "wss://ref.supabase.co/realtime/v1"),
    ],
)
def test_a_host_becomes_the_base_url_of_realtime(host: str, url: str) -> None:
    assert read_target(host, "key").url == url


@pytest.mark.parametrize("host", ["", "ref.supabase.co", "ftp://x", "ws://", "ws://h:99999"])
def test_what_is_no_realtime_url_is_refused_by_name(host: str) -> None:
    with pytest.raises(BadTarget, match="--host"):
        read_target(host, "key")


def test_a_host_without_a_key_says_where_the_key_goes() -> None:
    with pytest.raises(BadTarget, match="SUPABASE_ANON_KEY"):
        read_target("https://ref.supabase.co", None)


@pytest.mark.parametrize("host", ["https://x.co?apikey=s3cret", "https://u:s3cret@x.co"])
def test_a_key_in_the_url_is_refused_and_not_repeated(host: str) -> None:
    """Locust shows the host on its page and in its report."""
    with pytest.raises(BadTarget) as refused:
        read_target(host, "key")
    assert "s3cret" not in str(refused.value)


def test_the_key_is_not_in_the_repr() -> None:
    assert "s3cret" not in repr(read_target("https://x.co", "s3cret"))
