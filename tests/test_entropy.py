"""Seeds with names."""

import pytest

from harness.entropy import BadSeed, parse_seed, substream


def test_a_stream_is_fixed_by_seed_and_name() -> None:
    assert substream(7, "client/alice").random() == substream(7, "client/alice").random()


def test_names_and_seeds_give_streams_of_their_own() -> None:
    draws = [substream(seed, name).random() for seed in (7, 8) for name in ("a", "b")]
    assert len(dict.fromkeys(draws)) == 4


def test_a_commit_hash_is_a_seed() -> None:
    assert parse_seed("0" * 39 + "f") == 15


@pytest.mark.parametrize("text", ["", "-1", "x", "1.5", "f" * 39, "g" * 40, "²", "0x10"])
def test_what_is_no_seed_is_refused_by_name(text: str) -> None:
    with pytest.raises(BadSeed, match="neither a whole number nor a commit hash"):
        parse_seed(text)
