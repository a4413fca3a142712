"""The files that put Hopper on a server say what the code does."""

import ast
import re
from itertools import pairwise

import pytest
import yaml
from django.conf import settings

READERS = {
    "text",
    "given",
    "flag",
    "whole",
    "words",
    "numbered",
    "numbers",
    "durations",
    "object",
    "share",
    "choice",
    "url",
}
COMPOSE = yaml.safe_load((settings.BASE_DIR / "docker-compose.yml").read_text())
SERVICES = COMPOSE["services"]


def variables_of_settings():
    """Return `{name: default as one would write it in .env}` of every variable that settings.py reads."""
    tree = ast.parse((settings.BASE_DIR / "hopper" / "settings.py").read_text())
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)]
    reads = [call for call in calls if call.func.attr in READERS and ast.unparse(call.func.value) == "env"]
    return {read.args[0].value: written_default(read) for read in reads}


def written_default(read):
    given = next((keyword.value for keyword in read.keywords if keyword.arg == "default"), ast.Constant(""))
    try:
        value = ast.literal_eval(given)
    except ValueError:  # worked out at start
        return ""
    if isinstance(value, dict):
        return ",".join(f"{word}={text}" for word, text in value.items())
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(value) if isinstance(value, list) else str(value)


def variables_of_compose():
    """Return the variables that docker-compose.yml takes from .env."""
    text = (settings.BASE_DIR / "docker-compose.yml").read_text()
    passed_on = {name for service in SERVICES.values() for name, value in environment(service) if value is None}
    return passed_on | set(re.findall(r"(?<!\$)\$\{(\w+)", text))


def environment(service):
    return service.get("environment", {}).items()


def env_example():
    lines = (settings.BASE_DIR / ".env.example").read_text().splitlines()
    found = [(above, line.lstrip("#").partition("=")) for above, line in pairwise(lines)]
    return {name: (value, above) for above, (name, equals, value) in found if equals and name.isupper()}


class TestTheExampleOfAnEnvironment:
    def test_lists_exactly_what_settings_and_compose_read(self):
        assert set(env_example()) == set(variables_of_settings()) | variables_of_compose()

    def test_shows_the_defaults_that_settings_use(self):
        shown = {name: value for name, (value, _) in env_example().items()}

        assert {name: shown[name] for name in variables_of_settings()} == variables_of_settings()

    def test_says_what_each_variable_is_for(self):
        for name, (_, above) in env_example().items():
            assert re.match(r"# \S.{10,}[.]$", above), f"{name} needs a comment line above it, not {above!r}"

    def test_sets_nothing_by_itself(self):
        lines = (settings.BASE_DIR / ".env.example").read_text().splitlines()

        assert [line for line in lines if line and not line.startswith("#")] == []


class TestCompose:
    def test_has_the_services_that_hopper_needs(self):
        assert set(SERVICES) == {"web", "stream", "worker", "beat", "postgres", "redis", "neo4j"}

    @pytest.mark.parametrize("name", SERVICES)
    def test_checks_the_health_of(self, name):
        assert SERVICES[name]["healthcheck"]["test"]

    @pytest.mark.parametrize("name", SERVICES)
    def test_knows_the_image_of(self, name):
        image = SERVICES[name]["image"]

        assert "build" in SERVICES[name] or (":" in image and not image.endswith(":latest"))

    def test_keeps_the_data_of_every_server_in_a_volume(self):
        kept = {volume.partition(":")[0] for service in SERVICES.values() for volume in service.get("volumes", [])}

        assert kept == set(COMPOSE["volumes"]) == {"postgres", "redis", "neo4j", "memory"}

    def test_has_no_default_for_a_secret(self):
        text = (settings.BASE_DIR / "docker-compose.yml").read_text()
        secrets = re.findall(r"\$\{(\w*(?:PASSWORD|SECRET)\w*)(:\?)?", text)

        assert {name for name, _ in secrets} == {"POSTGRES_PASSWORD", "REDIS_PASSWORD", "NEO4J_PASSWORD", "SECRET_KEY"}
        assert [name for name, refuses in secrets if not refuses] == []

    @pytest.mark.parametrize("name", ["web", "stream", "worker", "beat"])
    def test_gives_only_variables_that_settings_read_to(self, name):
        assert {variable for variable, _ in environment(SERVICES[name])} <= set(variables_of_settings())

    @pytest.mark.parametrize("name", ["web", "stream", "worker", "beat"])
    def test_gives_every_variable_that_may_be_set_in_production_to(self, name):
        given = {variable for variable, _ in environment(SERVICES[name])}

        assert set(variables_of_settings()) - given == {"DEBUG", "HOPPER_ROLE"}

    def test_waits_for_what_is_healthy(self):
        waits = [wait for service in SERVICES.values() for wait in service.get("depends_on", {}).values()]

        assert waits
        assert all(wait == {"condition": "service_healthy"} for wait in waits)

    def test_opens_two_ports_and_to_this_machine_only(self):
        ports = [port for service in SERVICES.values() for port in service.get("ports", [])]

        assert ports == ["127.0.0.1:8000:8000", "127.0.0.1:8001:8001"]


class TestTheImage:
    def test_runs_as_a_plain_user(self):
        text = (settings.BASE_DIR / "Dockerfile").read_text()

        assert re.findall(r"^USER (\S+)", text, re.MULTILINE)[-1] == "hopper"

    def test_leaves_secrets_and_data_out(self):
        left_out = (settings.BASE_DIR / ".dockerignore").read_text().split()

        assert {".env", "var", "*.db", ".git", ".venv"} <= set(left_out)
