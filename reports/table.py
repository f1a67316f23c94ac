"""The verdict table: scenarios and worlds down, clients across, in plain text."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from harness.store import Result
from harness.verdict import Outcome
from reports.clean import one_line
from reports.model import Group, GroupKey, Row, group

_ANSI = {
    Outcome.VALID: "\x1b[32m",
    Outcome.UNKNOWN: "\x1b[33m",
    Outcome.INVALID: "\x1b[1;31m",
    Outcome.NOT_APPLICABLE: "\x1b[2m",
}
_RESET = "\x1b[0m"
_WORDS = {Outcome.NOT_APPLICABLE: "n/a"}
_NAME_WIDTH_MAX = 32
_GAP = "  "


def verdict_table(results: Sequence[Result], *, width: int = 100, colour: bool = False) -> str:
    """What became of each client, scenario and world; the worst seed decides.

    Beside the verdict stands the recovery time in seconds (`never`, if a channel stayed dead).
    More clients than fit in `width` columns are continued below.
    """
    groups = group(Row(result) for result in results)
    if not groups:
        return "no cell was planned"
    by_key = {one.key: one for one in groups}
    lines = list(dict.fromkeys((one.scenario, one.world) for one in groups))
    widths = list(_column_widths(groups).items())
    side_by_side = _fitting(dict(widths), lines, width)
    tables = [
        _table(lines, dict(widths[first : first + side_by_side]), by_key, colour)
        for first in range(0, len(widths), side_by_side)
    ]
    return "\n\n".join(tables)


def painted(outcome: Outcome, text: str, colour: bool) -> str:
    """The text in the colour of an outcome, if colour is wanted."""
    return f"{_ANSI[outcome]}{text}{_RESET}" if colour else text


def recovery(one: Group) -> str:
    """The group's recovery time in words, or nothing where none was measured."""
    sli = one.slis.get("recovery_s")
    if sli is None:
        return ""
    if sli.value is None or not math.isfinite(sli.value):
        return "never" if one.outcome is Outcome.INVALID else ""
    return f"{sli.value:.1f} s"


def verdict_words(one: Group) -> str:
    """The group's verdict; with several seeds, how many of them it holds for."""
    word = _WORDS.get(one.outcome, str(one.outcome))
    seeds = len(one.rows)
    return word if seeds == 1 else f"{word} {len(one.deciding)}/{seeds}"


def _fitting(widths: Mapping[str, int], lines: Iterable[tuple[str, str]], width: int) -> int:
    """How many clients fit side by side: one at least."""
    label = sum(_label_widths(lines)) + len(_GAP)
    column = max(widths.values()) + len(_GAP)
    return max(1, (width - label) // column)


def _table(
    lines: Sequence[tuple[str, str]],
    widths: Mapping[str, int],
    by_key: Mapping[GroupKey, Group],
    colour: bool,
) -> str:
    scenario_width, world_width = _label_widths(lines)
    header = [f"{'scenario':{scenario_width}}", f"{'world':{world_width}}"]
    header += [f"{_name(client):{width}}" for client, width in widths.items()]
    text = [_GAP.join(header).rstrip(), "─" * len(_GAP.join(header))]
    last = None
    for scenario, world in lines:
        shown = "" if scenario == last else _name(scenario)
        cells = [f"{shown:{scenario_width}}", f"{_name(world):{world_width}}"]
        for client, width in widths.items():
            cells.append(_cell(by_key.get((scenario, client, world)), width, colour))
        text.append(_GAP.join(cells).rstrip())
        last = scenario
    return "\n".join(text)


def _cell(one: Group | None, width: int, colour: bool) -> str:
    if one is None:
        return " " * width
    verdict, time = verdict_words(one), recovery(one)
    return painted(one.outcome, verdict, colour) + f"{time:>{width - len(verdict)}}"


def _column_widths(groups: Iterable[Group]) -> dict[str, int]:
    """Clients in order of appearance, each with what its name and its cells need."""
    widths: dict[str, int] = {}
    for one in groups:
        time = recovery(one)
        cell = len(verdict_words(one)) + (len(_GAP + time) if time else 0)
        widths[one.client] = max(widths.get(one.client, len(_name(one.client))), cell)
    return widths


def _label_widths(lines: Iterable[tuple[str, str]]) -> tuple[int, int]:
    scenarios, worlds = zip(*lines, strict=True)
    return (
        max(len("scenario"), *(len(_name(name)) for name in scenarios)),
        max(len("world"), *(len(_name(name)) for name in worlds)),
    )


def _name(text: str) -> str:
    clean = one_line(text)
    return clean if len(clean) <= _NAME_WIDTH_MAX else clean[: _NAME_WIDTH_MAX - 1] + "…"
