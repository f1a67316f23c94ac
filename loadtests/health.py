"""Health checks of the containers: `python -m loadtests.health http URL` and `… worker URL`.

Exit code 0 is healthy, 1 is not, with one line that says why.
"""

from __future__ import annotations

import argparse
import json
import socket
import sys
from collections.abc import Iterable, Mapping
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.request import ProxyHandler, build_opener

ANSWER_WITHIN_S = 4.0


class Unhealthy(Exception):
    """What is wrong, in one line."""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m loadtests.health", description="Ask whether a service does its work."
    )
    checks = parser.add_subparsers(dest="check", required=True)
    http = checks.add_parser("http", help="something answers HTTP there, and not with 5xx")
    http.add_argument("url")
    worker = checks.add_parser("worker", help="Locust's master knows a worker of this host")
    worker.add_argument("url", help="the master's web page")
    return parser


def is_known(workers: Iterable[Mapping[str, Any]], host: str) -> bool:
    """Whether a master's list of workers has one of this host that it still hears from.

    Locust names a worker after its host and a number that nobody else has.
    """
    mine = [one for one in workers if str(one.get("id", "")).rpartition("_")[0] == host]
    return any(one.get("state") != "missing" for one in mine)


def check_http(url: str) -> bytes:
    """The body of what is answered. Raises `Unhealthy`."""
    # No proxy of the environment: what is asked is in this container or next to it.
    opener = build_opener(ProxyHandler({}))
    try:
        with opener.open(url, timeout=ANSWER_WITHIN_S) as answer:
            body: bytes = answer.read()
            return body
    except HTTPError as error:
        # A server that refuses a plain request, as a WebSocket server must, is alive.
        with error:
            if error.code < 500:
                return error.read()
            raise Unhealthy(f"{url} answers with {error.code}") from None
    except (OSError, HTTPException, ValueError) as error:
        raise Unhealthy(f"{url} does not answer: {error}") from None


def check_worker(url: str, host: str) -> None:
    """Ask the master at `url` for a worker of `host`. Raises `Unhealthy`."""
    body = check_http(f"{url.rstrip('/')}/stats/requests")
    try:
        workers = json.loads(body)["workers"]
        known = is_known(workers, host)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Unhealthy(f"{url} is not the page of a Locust master") from None
    if not known:
        raise Unhealthy(f"the master at {url} hears from no worker of {host}")


def main(argv: list[str] | None = None) -> int:
    """Check once; returns the exit code."""
    arguments = parser().parse_args(argv)
    try:
        if arguments.check == "http":
            check_http(arguments.url)
        else:
            check_worker(arguments.url, socket.gethostname())
    except Unhealthy as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
