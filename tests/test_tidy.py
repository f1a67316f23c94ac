"""The house rules that a tool does not already keep, each with a proof that it bites."""

from __future__ import annotations

import ast
import re
import statistics
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = ("harness", "fake_server", "scenarios", "loadtests", "reports")
FUNCTION_LINES_MAX = 70
FUNCTION_LINES_MEDIAN = 10
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
ADDRESS_OF_A_REGISTRY = re.compile(r"https?://[^\s\"]*(pypi|pythonhosted|npmjs|proxy)[^\s\"]*")

Function = ast.FunctionDef | ast.AsyncFunctionDef


def sources() -> list[Path]:
    return [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]


def functions(source: str) -> Iterator[Function]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, Function):
            yield node


def lines_of(function: Function) -> int:
    """Lines without the docstring: prose is not what makes a function hard to read."""
    doc = function.body[0] if ast.get_docstring(function) else None
    prose = (doc.end_lineno or 0) - doc.lineno + 1 if doc else 0
    return (function.end_lineno or 0) - function.lineno + 1 - prose


def opening_sentence(source: str) -> str:
    return (ast.get_docstring(ast.parse(source)) or "").split("\n")[0]


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_file_opens_with_a_sentence(path: Path) -> None:
    sentence = opening_sentence(path.read_text())
    assert sentence.endswith((".", ":", "?")), f"{path}: opens with {sentence!r}, not a sentence"


def test_no_function_is_over_seventy_lines() -> None:
    long = [
        f"{path.relative_to(ROOT)}:{function.lineno} {function.name}: {lines_of(function)} lines"
        for path in sources()
        for function in functions(path.read_text())
        if lines_of(function) > FUNCTION_LINES_MAX
    ]
    assert not long, "\n".join(long)


def test_the_median_function_is_short() -> None:
    lengths = [lines_of(one) for path in sources() for one in functions(path.read_text())]
    assert statistics.median(lengths) < FUNCTION_LINES_MEDIAN


def test_nothing_is_left_unfinished() -> None:
    marked = [str(path) for path in sources() if UNFINISHED.search(path.read_text())]
    assert not marked


def test_no_registry_address_is_committed() -> None:
    """An address of one machine's registry has no place in a lock file."""
    assert not ADDRESS_OF_A_REGISTRY.search((ROOT / "requirements.lock").read_text())


def test_what_a_machine_makes_is_not_committed() -> None:
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert "uv.lock" not in tracked
    assert not [name for name in tracked if name.startswith(("runs/", ".venv/", ".cache/"))]


def test_the_rules_bite() -> None:
    """Each rule is shown the fault that it is for."""
    body = "\n".join(f"    x{number} = {number}" for number in range(71))
    (function,) = functions(f"def f():\n{body}\n")
    assert lines_of(function) > FUNCTION_LINES_MAX
    assert opening_sentence("x = 1\n") == ""
    assert UNFINISHED.search("# TODO: later")
    assert ADDRESS_OF_A_REGISTRY.search("--index-url https://pypi.example.org/simple")
