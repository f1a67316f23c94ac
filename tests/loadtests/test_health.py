"""Facts about the health checks: they ask what matters, and say in one line what is wrong."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from loadtests.health import is_known, main

WORKERS = [{"id": "box_1_0123abcd", "state": "running"}, {"id": "gone_77", "state": "missing"}]


class Page(BaseHTTPRequestHandler):
    """A Locust master's page, and pages of other statuses by their number."""

    def do_GET(self) -> None:
        """Answer `/stats/requests` with the workers, `/NUMBER` with that status."""
        number = self.path.strip("/")
        self.send_response(int(number) if number.isdecimal() else 200)
        self.end_headers()
        self.wfile.write(json.dumps({"workers": WORKERS}).encode())

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def url() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(("path", "code"), [("/", 0), ("/404", 0), ("/400", 0), ("/503", 1)])
def test_what_answers_http_is_healthy_unless_it_says_that_it_is_not(
    url: str, path: str, code: int
) -> None:
    """A WebSocket server refuses a plain request, and is alive."""
    assert main(["http", url + path]) == code


def test_what_does_not_answer_is_unhealthy(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["http", "http://127.0.0.1:1/"]) == 1
    assert "does not answer" in capsys.readouterr().err


def test_a_worker_that_the_master_does_not_know_is_unhealthy(
    url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["worker", url]) == 1
    assert "hears from no worker" in capsys.readouterr().err


def test_a_page_of_something_else_is_named(capsys: pytest.CaptureFixture[str], url: str) -> None:
    assert main(["worker", f"{url}/404?"]) == 1
    assert "no worker" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("host", "known"), [("box_1", True), ("box", False), ("gone", False), ("", False)]
)
def test_a_worker_is_known_by_its_host_while_it_is_heard(host: str, known: bool) -> None:
    assert is_known(WORKERS, host) == known
