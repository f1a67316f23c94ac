"""Swizzle: links are cut one by one in one order, and healed in another."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

from harness.nemesis.fault import BadFault, Fault
from harness.numeric import is_number


def swizzle(
    rng: Random,
    clients: Sequence[str],
    *,
    fault: str = "hole",
    after_s: float = 5.0,
    step_s: float = 2.0,
    hold_s: float = 10.0,
    **parameters: Any,
) -> list[Fault]:
    """Cut the link of each client, one every `step_s`; hold; heal them in another order.

    FoundationDB's swizzle-clogging, which finds what a clean partition does not: every client is
    cut off for another length of time, and none comes back in the order in which it left. `fault`
    is one that lasts and takes the victims as `clients`. Raises `BadFault`.
    """
    names = [clients] if isinstance(clients, str) else list(clients)
    if len(names) < 2 or len(set(names)) < len(names):
        raise BadFault(
            f"clients {', '.join(names) or 'none'}: swizzle takes two or more, once each"
        )
    for name, value in (("step_s", step_s), ("hold_s", hold_s)):
        if not (is_number(value) and value > 0):
            raise BadFault(f"{name}={value!r} is no duration; say more than 0")
    cut = rng.sample(names, len(names))
    healed = rng.sample(names, len(names))
    if healed == cut:
        healed.reverse()
    first_heal_s = after_s + step_s * (len(names) - 1) + hold_s
    heal_s = {name: first_heal_s + step_s * place for place, name in enumerate(healed)}
    faults = []
    for place, name in enumerate(cut):
        began_s = after_s + step_s * place
        for_s = heal_s[name] - began_s
        faults.append(Fault(fault, after_s=began_s, for_s=for_s, clients=[name], **parameters))
    return faults
