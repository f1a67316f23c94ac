"""The fake server as a process: `python -m fake_server --host 127.0.0.1 --port 0`."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from fake_server.control import Control
from fake_server.plans import PLANS
from fake_server.schema import SchemaError, default_schema, load, server_configs
from fake_server.server import FakeServer

_PORT_BUSY = 3
_SETUP_WRONG = 2
_CLAIMS = "JWT_CLAIM_VALIDATORS"


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m fake_server",
        description="A fake Supabase Realtime server. Prints one line of JSON when it is ready; "
        "ends on SIGTERM, as the real server does within 5 s, and on SIGINT at once. Reads the "
        "environment variable JWT_CLAIM_VALIDATORS, a JSON object, as the real server does.",
    )
    parser.add_argument(
        "--host", default="127.0.0.1", help="where to listen (default: %(default)s)"
    )
    parser.add_argument("--port", type=_port, default=0, help="0, the default, is any free port")
    parser.add_argument(
        "--schema",
        metavar="FILE",
        help="the tables, users and policies of the project, as docs/schema.md describes them "
        "(default: generating courses)",
    )
    parser.add_argument(
        "--control-port",
        metavar="PORT",
        type=_port,
        help="pull levers and read the ground truth over HTTP on this port of 127.0.0.1, as "
        "docs/levers.md describes; 0 is any free port",
    )
    parser.add_argument(
        "--plan",
        choices=list(PLANS),
        help="the limits of a hosted plan (default: those of the schema, else 2.129.8's own)",
    )
    parser.add_argument(
        "--until-stdin-closes",
        action="store_true",
        help="end when standard input does, as when the parent process dies",
    )
    return parser.parse_args(argv)


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: 0 to 65535")
    return int(text)


async def _run(arguments: argparse.Namespace) -> int:
    try:
        schema = load(arguments.schema) if arguments.schema else default_schema()
        server = FakeServer(server_configs(schema, **_environment()))
    except (OSError, SchemaError, _BadEnvironment) as error:
        print(f"fake_server: {error}", file=sys.stderr)
        return _SETUP_WRONG
    for name in server.tenants:
        server.tenant(name).update_tenant(**PLANS.get(arguments.plan, {}))
    control = Control(server)
    try:
        await _listen(server, control, arguments)
    except _PortBusy as busy:
        print(f"fake_server: {busy}", file=sys.stderr)
        return _PORT_BUSY
    stopping = _stop_signals(arguments.until_stdin_closes)
    print(json.dumps(_ready(server, control)), flush=True)
    if await stopping:
        await server.terminate()
    await server.stop()
    await control.stop()
    return 0


class _BadEnvironment(Exception):
    """A variable of the environment does not say what it has to."""


def _environment() -> dict[str, Any]:
    """The settings that the real server takes from its environment, as far as they are given."""
    text = os.environ.get(_CLAIMS)
    if text is None:
        return {}
    try:
        claims = json.loads(text)
    except ValueError:
        claims = None
    if not isinstance(claims, dict):
        raise _BadEnvironment(f"{_CLAIMS}: JWT claim validators is not a valid JSON object")
    return {"jwt_claim_validators": claims}


class _PortBusy(Exception):
    """A port cannot be listened on."""


async def _listen(server: FakeServer, control: Control, arguments: argparse.Namespace) -> None:
    host, port = arguments.host, arguments.port
    try:
        await server.start(host, port)
        if arguments.control_port is not None:
            host, port = control.host, arguments.control_port
            await control.start(port)
    except OSError as error:
        await server.stop()
        reason = error.strerror or str(error)
        raise _PortBusy(f"cannot listen on {host}:{port}: {reason}") from None


def _ready(server: FakeServer, control: Control) -> dict[str, object]:
    return {
        "host": server.host,
        "port": server.port,
        "url": server.url,
        "apikey": server.apikey,
        "version": _version(),
        **({"tenants": _tenants(server)} if len(server.tenants) > 1 else {}),
        **({"control": control.url} if control.port else {}),
    }


def _tenants(server: FakeServer) -> dict[str, object]:
    return {
        name: {"url": each.url, "http_url": each.http_url, "apikey": each.apikey}
        for name, each in ((name, server.tenant(name)) for name in server.tenants)
    }


def _version() -> str:
    try:
        return version("squall")
    except PackageNotFoundError:
        return "unknown"


def _stop_signals(until_stdin_closes: bool) -> asyncio.Future[bool]:
    """Done when the process is to end; the result is whether clients are told."""
    loop = asyncio.get_running_loop()
    stopping: asyncio.Future[bool] = loop.create_future()

    def stop(gently: bool) -> None:
        if not stopping.done():
            stopping.set_result(gently)

    loop.add_signal_handler(signal.SIGTERM, stop, True)
    loop.add_signal_handler(signal.SIGINT, stop, False)
    if until_stdin_closes:
        # A thread, because a loop cannot wait for every kind of file that stdin may be.
        threading.Thread(target=_wait_for_stdin, args=(loop, stop), daemon=True).start()
    return stopping


def _wait_for_stdin(loop: asyncio.AbstractEventLoop, stop: Callable[[bool], None]) -> None:
    while os.read(sys.stdin.fileno(), 65536):
        pass
    loop.call_soon_threadsafe(stop, False)


def main(argv: list[str] | None = None) -> int:
    """Run the server until it is told to stop; returns the exit code."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(name)s: %(message)s")
    return asyncio.run(_run(_arguments(argv)))


if __name__ == "__main__":
    sys.exit(main())
