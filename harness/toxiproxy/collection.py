"""All proxies of one server, and the changes that are made to them one at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from harness.toxiproxy.address import BadAddress
from harness.toxiproxy.errors import cannot_listen, proxy_exists, proxy_not_found
from harness.toxiproxy.proxy import Proxy
from harness.toxiproxy.traffic import Ledger


class Proxies:
    """Proxies by name. Changes that bind an address take turns; none waits for a client."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self.ledger = Ledger()
        self._proxies: dict[str, Proxy] = {}
        self._turn = asyncio.Lock()

    def get(self, name: str) -> Proxy:
        """The proxy of that name. Raises `ApiError` 404."""
        proxy = self._proxies.get(name)
        if proxy is None:
            raise proxy_not_found()
        return proxy

    def to_json(self) -> Mapping[str, Any]:
        """By name, in byte order."""
        names = sorted(self._proxies, key=lambda name: name.encode(errors="replace"))
        return {name: self._proxies[name].to_json() for name in names}

    async def create(self, name: str, listen: str, upstream: str, enabled: bool) -> Proxy:
        """Add a proxy. Raises `ApiError` 409 or 500, and then adds none."""
        async with self._turn:
            if name in self._proxies:
                raise proxy_exists()
            proxy = Proxy(name, listen, upstream, self._seed, self.ledger)
            await self._add(proxy, enabled)
            return proxy

    async def replace(self, name: str, listen: str, upstream: str, enabled: bool) -> Proxy:
        """Add a proxy, or replace one that is elsewhere; one that is there already stays as it is.

        Raises `ApiError` 500.
        """
        async with self._turn:
            existing = self._proxies.get(name)
            if existing is not None:
                try:
                    if not await existing.differs(listen, upstream):
                        return existing
                except BadAddress as error:
                    raise cannot_listen(str(error)) from None
                existing.stop()
            proxy = Proxy(name, listen, upstream, self._seed, self.ledger)
            await self._add(proxy, enabled)
            return proxy

    async def update(
        self, name: str, listen: str | None, upstream: str | None, enabled: bool | None
    ) -> Proxy:
        """Change what is given of a proxy. Raises `ApiError` 404 or 500."""
        async with self._turn:
            proxy = self.get(name)
            try:
                await proxy.update(
                    proxy.listen if listen is None else listen,
                    proxy.upstream if upstream is None else upstream,
                    proxy.enabled if enabled is None else enabled,
                )
            except BadAddress as error:
                raise cannot_listen(str(error)) from None
            return proxy

    async def delete(self, name: str) -> None:
        """Stop and forget a proxy. Raises `ApiError` 404."""
        async with self._turn:
            self.get(name).stop()
            del self._proxies[name]

    async def reset(self) -> None:
        """Enable every proxy and remove every toxic.

        Every proxy is tried, whatever became of the one before; then the first failure is raised
        as `ApiError` 500.
        """
        failures: list[str] = []
        async with self._turn:
            for proxy in self._proxies.values():
                proxy.remove_all_toxics()
                try:
                    await proxy.start()
                except BadAddress as error:
                    failures.append(str(error))
        if failures:
            raise cannot_listen(failures[0])

    def stop(self) -> None:
        """Stop every proxy."""
        for proxy in self._proxies.values():
            proxy.stop()

    async def _add(self, proxy: Proxy, enabled: bool) -> None:
        if enabled:
            try:
                await proxy.start()
            except BadAddress as error:
                raise cannot_listen(str(error)) from None
        self._proxies[proxy.name] = proxy
