"""A slot: one parcel at a time, nothing overtakes, toxicity can spare a connection."""

from __future__ import annotations

from harness.toxics import Bandwidth, Signal
from harness.toxics.draws import Draws
from harness.toxics.slot import Parcel, Slot


def slot_of(toxic: Bandwidth, *, hit: bool = True) -> Slot:
    return Slot("b", toxic, toxic.start(Draws("1"), 0.0), hit, 0.0)


def test_a_spared_connection_passes_everything_at_once() -> None:
    slot = slot_of(Bandwidth(rate=0), hit=False)
    slot.accept(Parcel(0.0, 0.0, b"a"))
    assert [parcel.item for parcel in slot.advance(0.0)] == [b"a"]


def test_held_bytes_shrink_as_pieces_leave() -> None:
    slot = slot_of(Bandwidth(rate=10))
    slot.accept(Parcel(0.0, 0.0, bytes(2500)))
    slot.accept(Parcel(0.0, 0.0, bytes(100)))
    assert slot.held_bytes == 2600
    assert [len(parcel.item) for parcel in slot.advance(0.1) if isinstance(parcel.item, bytes)] == [
        1000
    ]
    assert slot.held_bytes == 1600


def test_a_draw_that_changes_on_update_frees_the_rest() -> None:
    slot = slot_of(Bandwidth(rate=0))
    slot.accept(Parcel(0.0, 0.0, b"a"))
    slot.accept(Parcel(0.0, 0.0, b"b"))
    assert list(slot.advance(1.0)) == []
    released = slot.update(Bandwidth(rate=0), False, 1.0)
    assert [parcel.item for parcel in (*released, *slot.advance(1.0))] == [b"a", b"b"]


def test_nothing_is_taken_in_after_a_signal_has_left() -> None:
    slot = slot_of(Bandwidth(rate=1))
    slot.accept(Parcel(0.0, 0.0, Signal.END))
    slot.accept(Parcel(0.0, 0.0, b"late"))
    assert [parcel.item for parcel in slot.advance(9.0)] == [Signal.END]
    assert slot.held_bytes == 0
