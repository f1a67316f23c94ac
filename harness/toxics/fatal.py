"""Toxics that end a real server, or that its versions disagree on, refused before they are sent."""

from __future__ import annotations

from harness.toxics.bandwidth import Bandwidth
from harness.toxics.latency import Latency
from harness.toxics.slicer import Slicer
from harness.toxics.toxic import BadToxic, Toxic

JITTER_MS_MAX = 2**62 - 1


def refuse_fatal(toxic: Toxic) -> Toxic:
    """The toxic, if a Toxiproxy survives it (`toxiproxy.md` §0.1, §2.8). Raises `BadToxic`."""
    match toxic:
        case Bandwidth(rate=0):
            raise BadToxic(
                "toxic 'bandwidth': rate is 0, which stalls the stream in one version of "
                "Toxiproxy and sets no limit in another; say toxic 'timeout' with timeout 0 "
                "for a black hole"
            )
        case Slicer(average_size=0):
            raise BadToxic(
                "toxic 'slicer': average_size is 0, which ends a Toxiproxy; say 1 or more bytes"
            )
        case Slicer(average_size=average, size_variation=variation) if variation > average:
            raise BadToxic(
                f"toxic 'slicer': size_variation is {variation}, over the average_size of "
                f"{average}, which ends a Toxiproxy; say at most {average}"
            )
        case Latency(jitter=jitter) if jitter > JITTER_MS_MAX:
            raise BadToxic(
                f"toxic 'latency': jitter is {jitter}, which ends a Toxiproxy; "
                f"say at most {JITTER_MS_MAX}"
            )
    return toxic
