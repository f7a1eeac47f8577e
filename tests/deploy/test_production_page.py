"""The page on production names what there is, in each of the lines that only a machine with Docker could run."""

from __future__ import annotations

import re
import shlex

import pytest

from starter.cli.app import application
from starter.cli.output import Output
from tests.deploy.compose_file import services
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
