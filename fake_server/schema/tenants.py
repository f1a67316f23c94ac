"""The tenants of a schema file, and the settings of a server that plays them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fake_server.config import ServerConfig
from fake_server.database import Schema, Tenant
from fake_server.plans import PLANS
from fake_server.schema.node import Node
from fake_server.schema.project import PROJECT, read_project
from fake_server.tenant import BadTenant, changed


def server_configs(schema: Schema, **settings: Any) -> list[ServerConfig]:
    """The settings of a server that plays these projects: one for each tenant, with its plan, its
    limits and its tables; for a schema without tenants, those of a server's defaults.

    Raises `BadTenant` for what no tenant can have; a schema from a file has been checked for it.
    """
    settings.setdefault("jwt_claim_validators", schema.jwt_claim_validators)
    config = ServerConfig(schema=schema, **settings)
    return [
        changed(
            replace(config, tenant=tenant.name, schema=tenant.schema or schema), _fields(tenant)
        ).config
        for tenant in schema.tenants
    ] or [config]


def read_tenants(node: Node) -> tuple[Tenant, ...]:
    """The tenants, each with settings that it can have. Raises `SchemaError`."""
    return tuple(_tenant(name, tenant) for name, tenant in node.table("tenants").tables())


def _tenant(name: str, node: Node) -> Tenant:
    node.allow("jwt_secret", "jwks", "plan", "limits", "private_only", *PROJECT)
    limits = node.table("limits")
    tenant = Tenant(
        name=name,
        jwt_secret=node.get("jwt_secret", str),
        jwks=node.get("jwks", dict),
        plan=node.get("plan", str),
        limits={key: limits.get(key, int) for key in limits.values},
        private_only=node.get("private_only", bool, False),
        schema=read_project(node) if any(key in node.values for key in PROJECT) else None,
    )
    _check_tenant(tenant, node)
    return tenant


def _fields(tenant: Tenant) -> dict[str, Any]:
    """What deviates from the defaults, by the names of the tenant's API."""
    given = {"jwt_secret": tenant.jwt_secret, "jwt_jwks": tenant.jwks}
    return {
        **PLANS.get(tenant.plan or "", {}),
        **tenant.limits,
        **{name: value for name, value in given.items() if value is not None},
        "private_only": tenant.private_only,
    }


def _check_tenant(tenant: Tenant, node: Node) -> None:
    """Try each setting on a server's defaults."""
    try:
        defaults = ServerConfig(tenant=tenant.name)
    except ValueError as error:
        raise node.error(str(error)) from None
    if tenant.plan is not None and tenant.plan not in PLANS:
        raise node.error(f"{tenant.plan!r} is none of {', '.join(PLANS)}", "plan")
    places = {name: ("limits", name) for name in tenant.limits} | {"jwt_jwks": ("jwks",)}
    for name, value in _fields(tenant).items():
        try:
            changed(defaults, {name: value})
        except BadTenant as error:
            raise node.error(str(error), *places.get(name, (name,))) from None
