"""JSON as the server reads and writes it: strict, compact, unescaped, and within bounds.

The server's parser (Jason) refuses what Python's lets pass: NaN and Infinity, numbers beyond a
double, half a surrogate pair. Each of these would come out of our encoder as a frame that nobody
can read. The bound on depth is ours: Python's parser has one anyway, but where it lies depends on
the caller's stack.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, Never

from harness.protocol.message import MalformedMessage

DEPTH_MAX = 256
"""How many arrays and objects may be open at once in one frame."""

_SURROGATE = re.compile("[\ud800-\udfff]")
_SURROGATE_OR_ITS_ESCAPE = re.compile(r"[\ud800-\udfff]|\\u[dD][89a-fA-F]")


def loads(text: str | bytes, what: str) -> Any:
    """The value of a JSON text; bytes are UTF-8. `what` names the text in a `MalformedMessage`."""
    try:
        decoded = text if isinstance(text, str) else text.decode()
        value = _DECODER.decode(decoded)
        broken = _has_half_a_pair(decoded, value)
    except UnicodeDecodeError as error:
        raise MalformedMessage(f"{what} is not UTF-8 at byte {error.start}") from None
    except RecursionError:
        raise _too_deep(what) from None
    except ValueError as error:
        raise MalformedMessage(f"{what} is not JSON: {error}") from None
    _check_depth(decoded, value, what)
    if broken:
        raise _half_a_pair(what)
    return value


def dumps(value: Any, what: str) -> str:
    """A value as compact JSON, keys in their order, characters as they are.

    Raises `MalformedMessage`, naming `what`, for a value that JSON cannot express.
    """
    try:
        text = _ENCODER.encode(value)
    except RecursionError:
        raise _too_deep(what) from None
    except (TypeError, ValueError) as error:
        raise MalformedMessage(f"{what} cannot be written as JSON: {error}") from None
    _check_depth(text, value, what)
    if _SURROGATE.search(text):
        raise _half_a_pair(what)
    return text


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number lies beyond the range of a double")
    return number


def _refuse_constant(name: str) -> Never:
    raise ValueError(f"{name} is no JSON number")


_DECODER = json.JSONDecoder(parse_float=_finite, parse_constant=_refuse_constant)
_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _has_half_a_pair(text: str, value: Any) -> bool:
    # A pair of escapes is one good character: only the value tells it from half a pair.
    if not _SURROGATE_OR_ITS_ESCAPE.search(text):
        return False
    return _SURROGATE.search(_ENCODER.encode(value)) is not None


def _check_depth(text: str, value: Any, what: str) -> None:
    # Counting brackets is cheap and settles nearly every frame; only the rest is walked.
    if text.count("[") + text.count("{") > DEPTH_MAX and _depth(value) > DEPTH_MAX:
        raise _too_deep(what)


def _depth(value: Any) -> int:
    depth = 0
    level = [value]
    while level := [item for item in level if isinstance(item, dict | list | tuple)]:
        depth += 1
        level = [
            child for item in level for child in (item.values() if isinstance(item, dict) else item)
        ]
    return depth


def _too_deep(what: str) -> MalformedMessage:
    return MalformedMessage(f"{what} is nested too deeply: at most {DEPTH_MAX} levels are read")


def _half_a_pair(what: str) -> MalformedMessage:
    return MalformedMessage(f"{what} holds half a surrogate pair, which is no character")
