"""Facts about docker-compose.yml and the Dockerfile: valid by the specification, true to the code.

They are not started here; what can be known without Docker is checked.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import time
from functools import cache
from importlib.util import find_spec
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from fake_server.config import ServerConfig
from fake_server.tokens import verify
from loadtests.health import parser as health_parser

ROOT = Path(__file__).parent.parent
SCHEMA = ROOT / "tests" / "data" / "compose-spec.json"
SCHEMA_SHA256 = "d549057ebc2925f39f62799eab0db7b9e2c18b35b6c00595199116da3ed10e64"
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = [name for name, service in SERVICES.items() if "build" in service]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
A_YEAR_S = 365 * 24 * 3600

# How each of our commands is asked for its options: what it starts with, and the question.
PROGRAMS: dict[tuple[str, ...], tuple[str, ...]] = {
    ("python", "-m", "fake_server"): ("-m", "fake_server", "--help"),
    ("python", "-m", "pytest"): ("-m", "pytest", "--help"),
    ("locust", "-f", "loadtests/locustfile.py"): (
        *("-m", "locust", "-f", "loadtests/locustfile.py", "--help"),
    ),
}


def problems(compose: dict[str, Any]) -> list[str]:
    schema = json.loads(SCHEMA.read_text())
    validator = jsonschema.Draft202012Validator(schema)
    return [f"{list(one.absolute_path)}: {one.message}" for one in validator.iter_errors(compose)]


@cache
def help_of(question: tuple[str, ...]) -> str:
    asked = subprocess.run(
        (sys.executable, *question), cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert asked.returncode == 0, asked.stderr
    return asked.stdout


def program_of(command: list[str]) -> tuple[str, ...]:
    (program,) = [known for known in PROGRAMS if tuple(command[: len(known)]) == known]
    return program


def published(service: dict[str, Any]) -> list[str]:
    return [str(port) for port in service.get("ports", [])]


def test_the_schema_is_the_specifications_own() -> None:
    assert hashlib.sha256(SCHEMA.read_bytes()).hexdigest() == SCHEMA_SHA256


def test_the_compose_file_is_valid_by_the_specification() -> None:
    assert problems(COMPOSE) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"services": {"a": {"imagee": "x"}}},
        {"services": {"a": {"image": "x", "ports": [{"published": {}}]}}},
        {"services": {"a": {"image": "x", "depends_on": {"b": {"condition": "well"}}}}},
        {"services": {"a": {"image": "x", "healthcheck": {"retries": []}}}},
    ],
)
def test_the_schema_bites(wrong: dict[str, Any]) -> None:
    assert problems(wrong)


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_has_a_health_check(name: str) -> None:
    check = SERVICES[name]["healthcheck"]
    assert check["test"][0] == "CMD", "a list: the Toxiproxy image has no shell"
    assert len(check["test"]) > 1
    assert not check.get("disable")
    assert {"start_period", "start_interval", "interval", "timeout", "retries"} <= check.keys()


@pytest.mark.parametrize("name", OURS)
def test_every_health_check_of_ours_reads(name: str) -> None:
    _, python, dash_m, module, *arguments = SERVICES[name]["healthcheck"]["test"]
    assert (python, dash_m, module) == ("python", "-m", "loadtests.health")
    assert health_parser().parse_args(arguments).url.startswith("http://")


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_waits_until_what_it_needs_is_healthy(name: str) -> None:
    for needed, how in SERVICES[name].get("depends_on", {}).items():
        assert needed in SERVICES
        assert how["condition"] == "service_healthy"


def test_nothing_starts_before_what_it_talks_to() -> None:
    def talks_to(service: dict[str, Any]) -> set[str]:
        said = json.dumps([service["command"], service["healthcheck"]["test"]])
        return {other for other in SERVICES if re.search(rf"[=/]{other}[:\"]", said)}

    talking = {name: talks_to(service) - {name} for name, service in SERVICES.items()}
    assert talking["locust-worker"] == {"locust-master"}, "the rule bites"
    for name, service in SERVICES.items():
        assert talking[name] <= set(service.get("depends_on", {})), name


@pytest.mark.parametrize("name", OURS)
def test_every_command_exists_and_knows_its_options(name: str) -> None:
    command = SERVICES[name]["command"]
    program = program_of(command)
    text = help_of(PROGRAMS[program])
    options = [word.partition("=")[0] for word in command if word.startswith("--")]
    assert options
    unknown = [one for one in options if not re.search(rf"(?<![\w-]){one}(?![\w-])", text)]
    assert not unknown, f"{' '.join(program)} does not know {unknown}"


@pytest.mark.parametrize("name", OURS)
def test_every_module_and_file_of_a_command_exists(name: str) -> None:
    command = SERVICES[name]["command"]
    if command[1] == "-m":
        assert find_spec(command[2])
    for word in command:
        if word.endswith(".py") or word == "scenarios":
            assert (ROOT / word).exists()


@pytest.mark.parametrize("name", SERVICES)
def test_every_published_port_is_bound_to_loopback(name: str) -> None:
    """`8474:8474` would offer a Toxiproxy, which forwards anywhere, to the whole network."""
    for port in published(SERVICES[name]):
        assert ip_address(port.rsplit(":", 2)[0]).is_loopback, port


@pytest.mark.parametrize("name", SERVICES)
def test_every_image_is_pinned_to_a_version(name: str) -> None:
    version = SERVICES[name]["image"].rpartition(":")[2]
    assert re.fullmatch(r"\d+\.\d+\.\d+", version), version


def test_the_workers_can_be_scaled() -> None:
    """A name or a port can be had only once."""
    worker = SERVICES["locust-worker"]
    assert "container_name" not in worker
    assert not published(worker)


def test_scenarios_and_toxiproxy_reach_each_other_by_name() -> None:
    """Each storm's server is in the runner's container, and each proxy in Toxiproxy's."""
    scenarios = SERVICES["scenarios"]
    assert scenarios["environment"] == {
        "SQUALL_BIND_HOST": "0.0.0.0",
        "SQUALL_ADVERTISE_HOST": "scenarios",
        "SQUALL_PROXY_HOST": "toxiproxy",
    }
    assert "--toxiproxy=toxiproxy:8474" in scenarios["command"]
    assert "-host=0.0.0.0" in SERVICES["toxiproxy"]["command"]


def test_the_names_of_the_environment_are_those_that_the_code_reads() -> None:
    code = "".join(path.read_text() for path in sorted((ROOT / "harness").rglob("*.py")))
    for name in SERVICES["scenarios"]["environment"]:
        assert name in code, f"nothing reads {name}"


def test_runs_outlive_their_containers() -> None:
    for name in ("scenarios", "locust-master"):
        assert SERVICES[name]["volumes"] == ["runs:/squall/runs"]
    assert "runs" in COMPOSE["volumes"]
    assert "--report=runs/scenarios" in SERVICES["scenarios"]["command"]


def test_the_key_opens_the_fake_server_for_years() -> None:
    """It is signed with the secret that stands in this repository, and opens nothing else."""
    key = SERVICES["locust-master"]["environment"]["SUPABASE_ANON_KEY"]
    claims = verify(key, ServerConfig().jwt_secret, time.time())
    assert claims.role == "anon"
    assert claims.expires_s > time.time() + 10 * A_YEAR_S


def test_the_image_runs_as_nobody_in_particular_from_pinned_packages() -> None:
    lines = DOCKERFILE.splitlines()
    assert [line for line in lines if line.startswith("FROM ")] == ["FROM python:3.13-slim"]
    assert [line for line in lines if line.startswith("USER ")] == ["USER squall"]
    installs = [line for line in lines if "pip install" in line]
    assert len(installs) == 2
    assert "--require-hashes -r requirements.lock" in installs[0]
    assert "--no-deps" in installs[1]


def test_the_image_has_every_room_and_the_build_sees_what_it_copies() -> None:
    copied = re.findall(r"^COPY (.+) \S+$", DOCKERFILE, re.MULTILINE)
    sources = {source for one in copied for source in one.split()}
    rooms = {"harness", "fake_server", "scenarios", "loadtests", "reports"}
    assert rooms | {"requirements.lock", "pyproject.toml"} <= sources
    seen = re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE)
    assert set(seen) == sources
    assert all((ROOT / source).exists() for source in sources)
