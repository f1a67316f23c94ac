"""A schedule as text: JSON to store and replay, Python to paste."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from harness.nemesis.fault import BadFault, Fault
from harness.numeric import is_number

SCHEMA = "squall.schedule/1"
_KEYS = ("fault", "after_s", "for_s", "parameters")


def dumps(faults: Iterable[Fault]) -> str:
    """The schedule as a JSON text that `loads` reads."""
    return json.dumps({"schema": SCHEMA, "faults": [_fields(fault) for fault in faults]}, indent=1)


def loads(text: str, where: str = "schedule") -> list[Fault]:
    """Read what `dumps` wrote. Raises `BadFault`, which names `where` and the fault's place."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadFault(f"{where}: not JSON ({error})") from None
    if not isinstance(value, dict) or value.get("schema") != SCHEMA:
        raise BadFault(f"{where}: schema is not {SCHEMA!r}, which this version reads")
    faults = value.get("faults")
    if not isinstance(faults, list):
        raise BadFault(f'{where}: "faults" is not a list')
    return [_read(one, f"{where}: fault {place}") for place, one in enumerate(faults, 1)]


def as_code(faults: Iterable[Fault]) -> str:
    """The schedule as Python that can be pasted into a scenario."""
    lines = "".join(f"    {fault!r},\n" for fault in faults)
    return f"[\n{lines}]" if lines else "[]"


def _fields(fault: Fault) -> dict[str, Any]:
    fields: dict[str, Any] = {"fault": fault.name, "after_s": fault.after_s}
    if fault.for_s is not None:
        fields["for_s"] = fault.for_s
    if fault.parameters:
        fields["parameters"] = dict(fault.parameters)
    return fields


def _read(value: Any, where: str) -> Fault:
    if not isinstance(value, dict):
        raise BadFault(f"{where}: not an object")
    if unknown := [key for key in value if key not in _KEYS]:
        raise BadFault(f"{where}: unknown key {unknown[0]!r}; known: {', '.join(_KEYS)}")
    name, parameters = value.get("fault"), value.get("parameters", {})
    if not isinstance(name, str):
        raise BadFault(f'{where}: "fault" names no fault')
    if not isinstance(parameters, dict) or {"name", "after_s", "for_s"} & set(parameters):
        raise BadFault(f'{where}: "parameters" must be an object of the parameters of {name!r}')
    times = {key: _seconds(value, key, where) for key in ("after_s", "for_s") if key in value}
    if "after_s" not in times:
        raise BadFault(f'{where}: "after_s" is missing: say when it begins')
    try:
        return Fault(name, **times, **parameters)
    except BadFault as error:
        raise BadFault(f"{where}: {error}") from None


def _seconds(value: dict[str, Any], key: str, where: str) -> float:
    seconds = value[key]
    if not is_number(seconds):
        raise BadFault(f'{where}: "{key}" is {seconds!r}, not a number of seconds')
    return seconds
