"""The page on production names what there is, in each of the lines that only a machine with Docker could run."""

from __future__ import annotations

import re
import shlex

import pytest
import yaml

from adapters.secret_files import NAMES
from starter.cli.app import application
from starter.cli.output import Output
from tests.deploy import image
from tests.deploy.compose_file import COMPOSE, EXAMPLE, services, whole
from tests.docs.house import ROOT
from tests.docs.pages import blocks
from workflows.registry import registry

PAGE = ROOT / "docs" / "production.md"
TEXT = PAGE.read_text(encoding="utf-8")
ENCRYPTION = ROOT / "docs" / "encryption.md"
LINES = [
    line
    for page in (PAGE, ENCRYPTION)
    for block in blocks(page)
    if block.language == "sh"
    for line in re.sub(r"\\\n\s*", "", block.text).replace("\n       ", " ").splitlines()
]
COMPOSE_LINES = [shlex.split(line)[2:] for line in LINES if line.startswith("docker compose ")]
_WITH_VALUE = ("--profile", "--scale", "--username", "--format")


def commands_of_ours() -> set[str]:
    app = application(registry, Output("jobs", as_json=False))
    names = {command.name or getattr(command.callback, "__name__", "") for command in app.registered_commands}
    return names | {str(group.name) for group in app.registered_groups}


def plain(words: list[str]) -> list[str]:
    """Without options."""
    kept, skip = [], False
    for word in words:
        if not skip and not word.startswith("-"):
            kept.append(word)
        skip = word in _WITH_VALUE
    return kept


def test_each_line_is_of_a_program_that_this_test_looks_at() -> None:
    assert {line.split()[0] for line in LINES} == {"cp", "sh", "docker", "curl", "kubectl"}


def test_files_of_the_lines_are_there() -> None:
    named = {
        word.partition("=")[2] or word
        for line in LINES
        for word in shlex.split(line)
        if word.removeprefix("--from-file=").startswith(("deploy/", ".env.example"))
    }
    # Made by whoever runs the lines, and ignored by git.
    named.discard("deploy/kubernetes/secrets")

    assert {".env.example", "deploy/compose/make-secrets.sh", "deploy/kubernetes/base"} <= named
    assert not [name for name in named if not (ROOT / name).exists()]
    assert "/deploy/kubernetes/secrets/" in (ROOT / ".gitignore").read_text(encoding="utf-8")


@pytest.mark.parametrize("words", COMPOSE_LINES, ids=" ".join)
def test_a_line_of_docker_compose_names_services_and_commands_that_there_are(words: list[str]) -> None:
    known = services()
    for index, word in enumerate(words):
        if word == "--scale":
            assert words[index + 1].partition("=")[0] in known
        if word == "--profile":
            assert words[index + 1] in {profile for each in known.values() for profile in each.told.get("profiles", [])}
    verb, *rest = plain(words)
    assert verb in ("build", "up", "ps", "run", "exec", "logs", "stop", "down")
    if verb in ("run", "exec"):
        service, program, *arguments = rest
        assert service in known
        if program in ("jobs", "python") and arguments and arguments[0] != "worker":
            first = next(each for each in arguments if each != "starter")
            assert first in commands_of_ours()
        else:
            assert program in ("python", "pg_dump")
    elif verb in ("logs", "stop", "up"):
        assert set(rest) <= known.keys()


def test_databases_that_are_backed_up_are_those_that_are_made() -> None:
    script = (ROOT / "deploy" / "compose" / "postgres" / "10-databases.sh").read_text(encoding="utf-8")
    made = re.findall(r"^CREATE DATABASE (\w+)", script, re.MULTILINE)
    kept = [words[words.index("custom") + 1] for words in COMPOSE_LINES if "pg_dump" in words]

    assert kept == made


def test_the_steps_of_the_start_are_all_services_but_the_optional_ones() -> None:
    steps = TEXT.split("in this order:", 1)[1].split("With the profile", 1)[0]
    named = set(re.findall(r"`([a-z-]+)`", steps))

    assert named == {name for name, each in services().items() if "profiles" not in each.told}


def test_addresses_are_those_of_the_compose_file() -> None:
    published = {
        port.split(":")[1] for each in services().values() for port in each.told.get("ports", []) if "7233" not in port
    }

    assert set(re.findall(r"http://127\.0\.0\.1:(\d+)", TEXT)) == published
    assert services()["temporal"].told["ports"] == ["127.0.0.1:7233:7233"]


def test_every_setting_that_the_page_names_is_one() -> None:
    architecture = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    known = (
        set(re.findall(r"`([A-Z][A-Z0-9_]+)`", architecture))
        | set(re.findall(r"\b([A-Z][A-Z_]+)=", EXAMPLE.read_text(encoding="utf-8")))
        | set(re.findall(r"\b([A-Z][A-Z_]+)\b", COMPOSE.read_text(encoding="utf-8")))
        | {"FORWARDED_ALLOW_IPS", "API_IDEMPOTENCY_KEPT", "FROM"}
    )
    part = TEXT.split("## A new release", 1)[0]
    named = {name.removesuffix("_FILE") for name in re.findall(r"`([A-Z][A-Z_]+)(?:=[^`]*)?`", part)}

    assert named - {"URL"} <= known


def test_the_secrets_that_may_stand_in_files_are_all_named() -> None:
    (sentence,) = re.findall(r"So it is for (.*?)\. An empty file", TEXT, re.DOTALL)

    assert set(re.findall(r"`(\w+)`", sentence)) == set(NAMES)
    # Files beside one another, of which the folder is said once.
    for name in re.findall(r"`(?:deploy/compose/secrets/)?((?:temporal|database|encryption)_\w+)`", TEXT):
        assert name in whole()["secrets"]
    for path in re.findall(r"/run/secrets/(\w+)`", TEXT):
        assert path in whole()["secrets"]
    given = set(re.findall(r"the secrets? ([^;|(]*)", TEXT))
    assert {name for text in given for name in re.findall(r"`(\w+)`", text)} <= set(whole()["secrets"])


def test_the_image_of_the_lines_is_that_of_the_manifests() -> None:
    base = yaml.safe_load((ROOT / "deploy" / "kubernetes" / "base" / "kustomization.yaml").read_text(encoding="utf-8"))
    (named,) = base["images"]

    assert f"--tag {named['newName']}:{named['newTag']} ." in TEXT
    (user,) = (each.text for each in image.stages()[-1] if each.name == "USER")
    assert f"runs as user {user.partition(':')[0]}," in TEXT
