"""Clients by name, and the user's own by `package.module:factory`."""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from harness.clients.contract import Maker


class UnknownClient(ValueError):
    """A client that is not known or cannot be made: names it, lists the known ones."""


@dataclass(frozen=True, slots=True)
class Known:
    """Where a client is made, and which distribution's version it carries."""

    factory: str
    distribution: str
    extra: str = ""


CLIENTS: Mapping[str, Known] = {
    "manager": Known("harness.clients.manager:Manager", "squall"),
    "realtime_py": Known("harness.clients.realtime_py:RealtimePy", "realtime", "clients"),
    "manager_process": Known("harness.clients.program:manager", "squall"),
    "realtime_py_process": Known("harness.clients.program:realtime_py", "realtime", "clients"),
}


def load_client(spec: str) -> Maker:
    """The factory of a named client or of `package.module:factory`. Raises `UnknownClient`."""
    known = CLIENTS.get(spec)
    path = known.factory if known else spec
    if not re.fullmatch(r"\w+(\.\w+)*:\w+(\.\w+)*", path):
        raise UnknownClient(
            f"unknown client {spec!r}; known: {', '.join(CLIENTS)}; "
            "your own: package.module:factory, where factory(rng) makes a client"
        )
    module, _, attribute = path.partition(":")
    try:
        factory: object = importlib.import_module(module)
        for part in attribute.split("."):
            factory = getattr(factory, part)
    except ImportError as error:
        mend = f"; install squall[{known.extra}]" if known and known.extra else ""
        raise UnknownClient(f"client {spec!r} cannot be imported: {error}{mend}") from None
    except AttributeError:
        raise UnknownClient(f"client {spec!r}: module {module} has no {attribute!r}") from None
    if not callable(factory):
        raise UnknownClient(f"client {spec!r}: {attribute!r} is no factory; it cannot be called")
    return factory


def client_version(spec: str) -> str:
    """The version of the distribution that a client belongs to, or `unknown`."""
    known = CLIENTS.get(spec)
    try:
        return version(known.distribution if known else spec.partition(".")[0].partition(":")[0])
    except PackageNotFoundError:
        return "unknown"
