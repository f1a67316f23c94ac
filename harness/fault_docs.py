"""The faults for people: `docs/faults.md`, written from the registry and the stories.

`python -m harness.fault_docs > docs/faults.md` writes the page anew, from the root of the
repository; another folder of stories may be named.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path

from harness.checkers import SIGNS
from harness.nemesis import FAULTS, VICTIMS, FaultKind, Parameter
from harness.scenario import WORLDS

_HEAD = """\
# Faults

What a scenario can do to its clients: `Fault("hole", after_s=5, for_s=20, direction="down")`. The
page is written from `harness/nemesis/registry.py` with `python -m harness.fault_docs`; a test
compares the two. `docs/adding/fault.md` says how to add one.

`after_s` counts from the steady state. A fault that *lasts* needs `for_s` and is healed then, or
when the run ends, however it ends; another happens once, and what it broke stays broken. Two of one
name must not overlap in time, except where the table says *many*, or where both name
their `clients` and share none. In a world where a fault makes no sense the storm is *not
applicable*, with the reason. A fault that nobody felt makes the verdict *unknown*: each is looked
for by its own signs, which are listed at the end.
"""

_TITLES: Mapping[str, str] = {
    "network": "Network",
    "server": "Server",
    "clock": "Clock",
    "process": "Process of the client",
    "code": "Code of the user",
    "token": "Token",
    "api": "Calls of the client's API",
}


def page(stories: Mapping[str, Sequence[str]]) -> str:
    """All of `docs/faults.md`; `stories` are the scenarios by the fault that they use."""
    parts = [_HEAD]
    for category, kinds in groupby(FAULTS.values(), key=lambda kind: kind.category):
        parts.append(f"## {_TITLES[category]}\n")
        parts += [_section(kind, stories.get(kind.name, ())) for kind in kinds]
    parts += ["## Some of the clients\n", _victims(), "## Signs\n", _signs()]
    return "\n".join(parts)


def stories_in(folder: Path) -> dict[str, list[str]]:
    """The scenarios of a folder by the names of the faults that they write down."""
    found: dict[str, list[str]] = {}
    for file in sorted(folder.glob("test_*.py")):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        for name in dict.fromkeys(_faults_of(tree)):
            found.setdefault(name, []).append(file.stem.removeprefix("test_"))
    return found


def _faults_of(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id="Fault"), args=[ast.Constant(value=str(name)), *_]):
                yield name


def _section(kind: FaultKind, stories: Sequence[str]) -> str:
    lines = [f"### `{kind.name}`\n", f"{_sentence(kind.meaning)}\n"]
    lines += [f"- **lasts:** {_lasts(kind)}"]
    lines += [f"- **worlds:** {_worlds(kind)}"]
    lines += [f"- **felt by:** {', '.join(kind.felt_by)}"]
    lines += [f"- **scenarios:** {', '.join(f'`{one}`' for one in stories) or 'none'}"]
    own = [one for one in kind.parameters if one not in VICTIMS]
    if kind.can_choose:
        lines += ["- **some of the clients:** yes"]
    if own:
        lines += ["", "| parameter | meaning | value | unit | default |", "| --- " * 5 + "|"]
        lines += [_row(one) for one in own]
    return "\n".join(lines) + "\n"


def _lasts(kind: FaultKind) -> str:
    lasts = "for `for_s` seconds" if kind.lasts else "no, it happens once"
    return lasts if kind.alone else f"{lasts}; many at once"


def _worlds(kind: FaultKind) -> str:
    return "; ".join(
        f"not {world}: {kind.elsewhere[world]}" if world in kind.elsewhere else world
        for world in WORLDS
    )


def _row(one: Parameter) -> str:
    default = "none" if one.default is None else f"`{one.default!r}`"
    return f"| `{one.name}` | {one.meaning} | {one.type.rule} | {one.unit or '–'} | {default} |"


def _victims() -> str:
    lines = ["| parameter | meaning | value | unit | default |", "| --- " * 5 + "|"]
    return "\n".join([*lines, *(_row(one) for one in VICTIMS)]) + "\n"


def _signs() -> str:
    lines = ["| sign | what the history shows |", "| --- | --- |"]
    return "\n".join([*lines, *(f"| {name} | {words} |" for name, words in SIGNS.items())]) + "\n"


def _sentence(words: str) -> str:
    return f"{words[0].upper()}{words[1:]}."


if __name__ == "__main__":
    sys.stdout.write(page(stories_in(Path(sys.argv[1] if len(sys.argv) > 1 else "scenarios"))))
