"""Which Toxiproxy a run is to use, as `--toxiproxy` says it."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from harness.toxiproxy.binary import NotAToxiproxy, check_binary
from harness.toxiproxy.library import bracketed

NAMES_ON_PATH = ("toxiproxy-server", "server")
"""As packages name the program, and as `go install` does."""

INSTALL = "`go install github.com/Shopify/toxiproxy/v2/cmd/server@v2.12.0` puts one there"
INSTEAD = "leave --toxiproxy out to use the embedded one"


class BadChoice(ValueError):
    """A Toxiproxy that was asked for and is not there: names it, the rule and the mend."""


@dataclass(frozen=True, slots=True)
class Embedded:
    """Our own, as a child process."""

    def __str__(self) -> str:
        return "embedded"


@dataclass(frozen=True, slots=True)
class Binary:
    """A real one, as a child process."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)


@dataclass(frozen=True, slots=True)
class Running:
    """One that runs already, whoever it belongs to."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{bracketed(self.host)}:{self.port}"


Choice = Embedded | Binary | Running
"""Its text says the same to `--toxiproxy`."""


def choose(said: str) -> Choice:
    """The choice that `embedded`, `auto`, `HOST:PORT` or the path of a program stands for.

    `auto` takes a real Toxiproxy on PATH. A program is asked whether it is a Toxiproxy before it
    is taken. Raises `BadChoice`.
    """
    if said == "embedded":
        return Embedded()
    if said == "auto":
        return _on_path()
    if _is_path(said):
        return _binary(Path(said).expanduser())
    return _running(said)


def _on_path() -> Binary:
    """The first that says it is a Toxiproxy: `server` may be anybody's."""
    strangers = []
    for name in NAMES_ON_PATH:
        path = shutil.which(name)
        if path is None:
            continue
        try:
            return Binary(check_binary(Path(path)))
        except NotAToxiproxy as error:
            strangers.append(str(error))
    passed_over = f" (passed over: {'; '.join(strangers)})" if strangers else ""
    raise BadChoice(
        f"--toxiproxy auto: no {' or '.join(NAMES_ON_PATH)} on PATH is a Toxiproxy{passed_over}; "
        f"{INSTALL}, or {INSTEAD}"
    )


def _is_path(said: str) -> bool:
    separators = [os.sep, *([os.altsep] if os.altsep else [])]
    return any(mark in said for mark in separators) or Path(said).is_file()


def _binary(path: Path) -> Binary:
    try:
        return Binary(check_binary(path))
    except NotAToxiproxy as error:
        raise BadChoice(f"--toxiproxy {error}; name a toxiproxy-server, or {INSTEAD}") from None


def _running(said: str) -> Running:
    host, _, port = said.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    if (
        not host
        or (":" in host and not bracketed)
        or not (port.isascii() and port.isdigit() and 1 <= int(port[:6]) <= 65535)
    ):
        raise BadChoice(
            f"--toxiproxy {said!r} is not HOST:PORT, nor embedded, auto or the path of a "
            "toxiproxy-server: say --toxiproxy 127.0.0.1:8474"
        )
    return Running(host[1:-1] if bracketed else host, int(port))
