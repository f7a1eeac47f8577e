"""What the image holds, and that it is enough."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions, requires
from pathlib import Path

import pytest

from tests.deploy import image
from tests.deploy.compose_file import services
from tests.docs.house import ROOT, clean_environment

pytestmark = pytest.mark.long

_LOADED = """
import json, sys
from importlib.abc import MetaPathFinder

class NotThere(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.partition(".")[0] in json.loads(sys.argv[1]):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, NotThere())
import worker, starter.api, starter.codec_server, starter.__main__, starter.cli.app
from adapters.db import migrate
from adapters.reports import maker
from workflows.registry import registry
registry.load_installed()
print(json.dumps({name: getattr(module, "__file__", None) for name, module in sys.modules.items()}))
"""


def base_dependencies() -> set[str]:
    """Names of what is installed without any extra, with all that this needs in turn."""
    found: set[str] = set()

    def add(requirement: str, extras: set[str]) -> None:
        name = re.sub(r"[-_.]+", "-", re.match(r"[\w.-]+", requirement)[0]).lower()  # type: ignore[index]  # a name
        if name in found and not extras:
            return
        found.add(name)
        for needed in requires(name) or []:
            wanted = re.search(r"extra == ['\"]([\w-]+)['\"]", needed)
            if wanted is None or wanted[1] in extras:
                try:
                    add(needed, set(re.findall(r"\[([\w,]+)\]", needed.partition(";")[0])))
                except ModuleNotFoundError:  # of another system
                    continue

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for requirement in project["dependencies"]:
        add(requirement, {extra for group in re.findall(r"\[([\w,]+)\]", requirement) for extra in group.split(",")})
    return found


@pytest.fixture(scope="module")
def loaded(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str | None]:
    """Files of all modules that worker, HTTP interface and command line import, in another folder than ours.

    They find what the image has, and none of what is here for tests besides.
    """
    there = base_dependencies() | {"durable-jobs"}
    absent = [
        module
        for module, owners in packages_distributions().items()
        if there.isdisjoint(re.sub(r"[-_.]+", "-", owner).lower() for owner in owners)
    ]
    assert {"aiosmtpd", "pytest", "psutil"} <= set(absent)
    done = subprocess.run(
        [sys.executable, "-c", _LOADED, json.dumps(absent)],
        cwd=tmp_path_factory.mktemp("elsewhere"),
        env={**clean_environment(), "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    modules: dict[str, str | None] = json.loads(done.stdout)
    return modules


def test_all_files_of_the_rooms_are_installed(installed: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files", *image.copied()], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    build_only = {"pyproject.toml", "constraints.txt", "README.md", "LICENSE"}

    missing = [name for name in listed if name not in build_only and not (installed / name).exists()]

    assert len(listed) > 200
    assert not missing, "name their suffixes in pyproject.toml, [tool.setuptools.package-data]"


def test_worker_interface_and_command_line_need_nothing_of_the_extras(loaded: dict[str, str | None]) -> None:
    assert {"worker", "starter.api", "starter.__main__", "temporalio", "sqlalchemy"} <= loaded.keys()
    assert not {"pytest", "demo", "psutil"} & loaded.keys()


def test_what_is_copied_is_what_docker_is_sent() -> None:
    sent = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()

    assert {line[1:] for line in sent if line.startswith("!")} == set(image.copied())
    for each in image.stages()[0]:
        if each.name == "COPY":
            *_, to = each.words
            assert to == "./" or each.words == [to, to]


def test_the_worker_gets_signals_itself_and_does_not_run_as_root() -> None:
    last = {each.name: each for each in image.stages()[-1]}

    assert last["CMD"].text.startswith("[")
    assert last["CMD"].words == ["python", "-m", "worker"]
    assert "ENTRYPOINT" not in last
    assert last["USER"].text == services()["worker"].told["user"]
