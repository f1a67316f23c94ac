"""A private copy of toxiproxy-python for one server, with our own transport under it."""

from __future__ import annotations

import asyncio
import importlib.util
import itertools
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from harness.toxiproxy.client_errors import ProxyExists, ToxiproxyError, Unreachable, error_for

PATCH_SINCE = (2, 6)

_copies = itertools.count(1)


class Transport:
    """What the library takes for `requests`: each call has a time-out, and says when it failed.

    Environment proxies are ignored: a call to this machine must not leave it. A connection a
    call, so that threads share nothing.
    """

    def __init__(self, base_url: str, timeout_s: float) -> None:
        # Imported here: it takes a tenth of a second, and only wire worlds need it.
        import requests

        self._requests = requests
        self._base_url = base_url
        self._timeout_s = timeout_s
        self._update_method: str | None = None

    def get(self, url: str, **kwargs: Any) -> Any:
        return self.call("GET", url, **kwargs)

    def post(self, url: str, **kwargs: Any) -> Any:
        return self.call("POST", url, **kwargs)

    def delete(self, url: str, **kwargs: Any) -> Any:
        return self.call("DELETE", url, **kwargs)

    def call(self, method: str, url: str, **kwargs: Any) -> Any:
        """One request, and its response if that is a success. Raises `ToxiproxyError`."""
        what = f"{method} {url}"
        _refuse_to_block_a_loop(what)
        try:
            with self._requests.Session() as session:
                session.trust_env = False
                response = session.request(
                    method, url, timeout=self._timeout_s, allow_redirects=False, **kwargs
                )
        except self._requests.Timeout:
            raise Unreachable(f"{what}: no answer within {self._timeout_s:g} s") from None
        except self._requests.RequestException as error:
            reason = _innermost(error)
            raise Unreachable(f"{what}: nothing answers there ({reason})") from None
        if not 200 <= response.status_code < 300:
            raise error_for(what, response.status_code, _text(response))
        return response

    def version(self) -> str:
        """The version that the server says it is. Raises `ToxiproxyError`."""
        with translated("version"):
            return str(self.json("GET", "/version")["version"])

    def change(self, path: str, changes: Mapping[str, Any]) -> Any:
        """An update: by PATCH as Toxiproxy wants it since 2.6, by POST before."""
        if self._update_method is None:
            self._update_method = "POST" if _is_before_patch(self.version()) else "PATCH"
        return self.json(self._update_method, path, changes)

    def json(self, method: str, path: str, value: Any = None) -> Any:
        """One request of our own, for what the library has no call for."""
        url = self._base_url + path
        return _json(self.call(method, url, json=value), f"{method} {url}")


def load(host: str, port: int, transport: Transport) -> ModuleType:
    """Load a copy of the library that knows one server only.

    The package keeps its address in a class: shared, two servers could not be told apart. Raises
    `ToxiproxyError` if it is not installed.
    """
    spec = importlib.util.find_spec("toxiproxy")
    if spec is None or spec.origin is None:
        raise ToxiproxyError("toxiproxy-python is not installed: pip install squall[toxiproxy]")
    name = f"{__name__}_{next(_copies)}"
    private = importlib.util.spec_from_file_location(
        name, spec.origin, submodule_search_locations=spec.submodule_search_locations
    )
    assert private is not None
    assert private.loader is not None
    module = importlib.util.module_from_spec(private)
    sys.modules[name] = module
    private.loader.exec_module(module)
    api = sys.modules[f"{name}.api"]
    api.requests = transport  # type: ignore[attr-defined]
    api.APIConsumer.host, api.APIConsumer.port = bracketed(host), port
    return module


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Turn what the library itself raises into our errors."""
    try:
        yield
    except ToxiproxyError:
        raise
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise Unreachable(
            f"{what}: the answer is not a Toxiproxy's ({type(error).__name__}: {error})"
        ) from None
    except Exception as error:
        # The library makes its classes anew in each copy; of these only one is left to it.
        if type(error).__name__ == "ProxyExists":
            raise ProxyExists(f"{what}: proxy already exists", 409) from None
        raise


def _is_before_patch(version: str) -> bool:
    """Whether a server updates by POST only; a build of an unreleased state says no number."""
    number = re.match(r"(\d+)\.(\d+)", version)
    return number is not None and (int(number[1]), int(number[2])) < PATCH_SINCE


def _refuse_to_block_a_loop(what: str) -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise ToxiproxyError(
        f"{what}: would block the event loop of this thread; call it as `await off_loop(…)`"
    )


def bracketed(host: str) -> str:
    """A host as it stands in a URL."""
    return f"[{host}]" if ":" in host else host


def _json(response: Any, what: str) -> Any:
    if not response.content:
        return None
    try:
        return response.json()
    except ValueError:
        raise Unreachable(f"{what}: the answer is not a Toxiproxy's (no JSON)") from None


def _text(response: Any) -> str:
    try:
        body = response.json()
        made = ", ".join(proxy["name"] for proxy in body.get("proxies") or [])
        text = str(body.get("error") or body.get("title"))
        return f"{text} (made before it: {made})" if made else text
    except (ValueError, AttributeError, KeyError, TypeError):
        return " ".join(response.text.split())[:200]


def _innermost(error: BaseException) -> str:
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    return str(error) or type(error).__name__
