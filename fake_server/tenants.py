"""The tenants of one server, and which of them a request is for (`protocol.md §1.1`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fake_server.http.message import subdomain
from fake_server.project import Project

_PREFIX = "/tenants/"
_FORWARDED = (("/realtime/v1/api/", "/api/"), ("/realtime/v1/", "/socket/"))


class UnknownTenant(ValueError):
    """There is no tenant of this name; says which there are."""


def gateway_path(name: str, is_default: bool) -> str:
    """What the paths of a tenant's gateway begin with: nothing, for the default one."""
    return "" if is_default else f"{_PREFIX}{name}"


class Tenants:
    """Finds a tenant by its name, or by the host and path of a request.

    A `Host` whose first label names a tenant is its bare server. Every other is a gateway: of the
    tenant that the path begins with, `/tenants/NAME`, as each project has an address of its own
    in production; else of the first one.
    """

    def __init__(self, projects: Sequence[Project]) -> None:
        self._by_name = {project.name: project for project in projects}
        self.default = projects[0]

    def __iter__(self) -> Iterator[Project]:
        return iter(self._by_name.values())

    def __len__(self) -> int:
        return len(self._by_name)

    def named(self, name: str | None) -> Project:
        """The tenant of this name, the default one for None. Raises `UnknownTenant`."""
        if name is None:
            return self.default
        if name not in self._by_name:
            known = ", ".join(self._by_name)
            raise UnknownTenant(f"there is no tenant {str(name)[:60]!r}; there are {known}")
        return self._by_name[name]

    def asked(self, host: str, target: str) -> tuple[Project, str]:
        """Who answers a request to this path (with or without its query), and what it is there."""
        bare = self._by_name.get(subdomain(host))
        if bare is not None:
            return bare, target
        if not target.startswith(_PREFIX):
            return self.default, target
        name, slash, rest = target.removeprefix(_PREFIX).partition("/")
        project = self._by_name.get(name)
        if project is not None:
            return project, slash + rest
        # What a gateway forwards ends at a server that does not know the tenant either.
        for prefix, forwarded in _FORWARDED:
            if (slash + rest).startswith(prefix):
                return self.default, forwarded + (slash + rest).removeprefix(prefix)
        return self.default, target
