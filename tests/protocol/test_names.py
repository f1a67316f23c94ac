"""The protocol's names against the recordings: a typo here would agree with itself everywhere."""

from __future__ import annotations

from harness.protocol import MalformedMessage, codec_for, names
from tests.golden_frames import frames


def test_every_event_and_topic_was_recorded() -> None:
    seen = _recorded_topics_and_events()
    named = {name: value for name, value in vars(names).items() if name.isupper()}
    prefix = named.pop("TOPIC_PREFIX")
    assert len(named) == 14
    assert [name for name, value in named.items() if value not in seen] == []
    assert any(value.startswith(prefix) for value in seen)


def _recorded_topics_and_events() -> dict[str, None]:
    seen: dict[str, None] = {}
    for frame in frames():
        if frame.server == "supabase":
            try:
                message = codec_for(frame.vsn).decode(frame.data, sender=frame.dir)
            except MalformedMessage:
                continue
            seen |= dict.fromkeys((str(message.topic), str(message.event)))
    return seen
