"""The tutorial's code, in a copy of the project and in a package of its own, does what the page says."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from demo.inbox.reader import InboxReader
from tests.docs.house import PYTHON_HERE, ROOT, SCRIPTS, clean_environment, copy_with_tests, run
from tests.docs.pages import Block, blocks
from tests.worker.worker_process import WorkerProcess
from workflows.registry import registry

pytestmark = pytest.mark.long

BLOCKS = blocks(ROOT / "docs" / "adding-a-job.md")
_HERE = next(at for at, block in enumerate(BLOCKS) if block.language == "toml")
IN_TREE, PACKAGE = BLOCKS[:_HERE], BLOCKS[_HERE:]
LINT = (str(SCRIPTS / "ruff"),)
REPLAY = ("pytest", "-q", "tests/workflows/test_replay.py", "-k", "confirmation-copy")
ARCHITECTURE = ("pytest", "-q", "tests/docs/test_architecture.py")


def write(block: Block, folder: Path) -> None:
    """Put a block where its first line says."""
    assert block.file is not None, f"{block.page}:{block.line} does not say which file it is"
    path = folder / block.file
    path.parent.mkdir(parents=True, exist_ok=True)
    match block.where:
        case "among the imports":
            before, rest = path.read_text(encoding="utf-8").split("from domain.policies", 1)
            path.write_text(f"{before}{block.body}from domain.policies{rest}", encoding="utf-8")
        case "at the end":
            with path.open("a", encoding="utf-8") as file:
                file.write(f"\n{block.body}")
        case "" | "(empty)":
            path.write_text(block.body, encoding="utf-8")
        case unknown:
            raise ValueError(f"{block.page}:{block.line}: where is {unknown!r}?")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with the page's kind in it."""
    folder = copy_with_tests(tmp_path_factory.mktemp("house"))
    for block in IN_TREE:
        if block.file:
            write(block, folder)
    return folder


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the page's package as an installer would leave it, metadata included."""
    folder = tmp_path_factory.mktemp("package")
    for block in PACKAGE:
        if block.file:
            write(block, folder)
    project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    info = folder / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n", encoding="utf-8"
    )
    lines = [
        line
        for group, points in project["entry-points"].items()
        for line in (f"[{group}]", *(f"{name} = {value}" for name, value in points.items()))
    ]
    (info / "entry_points.txt").write_text("\n".join(lines), encoding="utf-8")
    return folder


async def test_the_kind_is_no_more_than_four_files_of_which_one_is_the_registry() -> None:
    files = {block.file for block in IN_TREE if block.file and not block.file.startswith("tests/")}

    assert sorted(files) == [
        "activities/confirmation_copy.py",
        "domain/confirmation_copy.py",
        "workflows/confirmation_copy.py",
        "workflows/registry.py",
    ]


async def test_a_workflow_alone_is_told_what_it_lacks(tmp_path: Path) -> None:
    folder = copy_with_tests(tmp_path)
    write(next(block for block in IN_TREE if block.file == "workflows/confirmation_copy.py"), folder)

    status, said = await run(folder, *PYTHON_HERE, *ARCHITECTURE)

    assert status == 1
    for lack in (
        "has no row in workflows/registry.py",
        "has no file domain/confirmation_copy.py",
        "has no file activities/confirmation_copy.py",
        "has no recorded history in tests/histories/confirmation-copy/",
    ):
        assert f"workflows/confirmation_copy.py: ConfirmationCopy {lack}" in said


async def test_the_pages_code_passes_the_linter_and_its_own_tests(house: Path) -> None:
    files = [block.file for block in IN_TREE if block.file]

    linted = await run(house, *LINT, "check", "--ignore", "I001", *files)
    tested = await run(house, *PYTHON_HERE, "pytest", "-q", "tests/workflows/test_confirmation_copy.py")

    assert linted[0] == 0, linted[1]
    assert tested[0] == 0, tested[1]
    assert "2 passed" in tested[1]


async def test_the_kind_stands_in_the_table_with_its_policy(house: Path) -> None:
    status, said = await run(house, *PYTHON_HERE, "starter", "kinds", "--json")

    assert status == 0, said
    [row] = [row for row in json.loads(said) if row["kind"] == "confirmation-copy"]
    assert (row["fields"], row["policy"], row["restart"]) == (["order_id", "day"], "notification", "any new start")


async def test_the_packages_own_test_passes(package: Path) -> None:
    environment = {**clean_environment(), "PYTHONPATH": str(package)}
    status, said = await run(package, *PYTHON_HERE, "pytest", "-q", "tests", environment=environment)

    assert status == 0, said
    assert "1 passed" in said


class Loyalty(BaseHTTPRequestHandler):
    """A loyalty service that says yes."""

    paths: list[str]

    def do_PUT(self) -> None:  # the base class's name
        self.paths.append(self.path)
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def loyalty_service() -> Iterator[tuple[str, list[str]]]:
    """Address of the service, and the paths that were asked for."""
    handler = type("Handler", (Loyalty,), {"paths": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", handler.paths  # type: ignore[attr-defined]  # made just above
        server.shutdown()
        thread.join()


async def test_both_kinds_run_in_the_worker_by_the_pages_commands(
    house: Path, package: Path, environment: dict[str, str], inbox: InboxReader
) -> None:
    with loyalty_service() as (url, paths):
        told = environment | {"PYTHONPATH": str(package), "LOYALTY_URL": url, "NO_PROXY": "*"}
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "worker.py"),
            cwd=house,
            env=told,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        worker = WorkerProcess(process)
        try:
            line = await worker.takes_jobs()
            said = {
                command: await run(house, "bash", "-c", typed(command), environment=told)
                for block in BLOCKS
                for command in block.commands
            }
            worker.send(signal.SIGTERM)
            assert await worker.ended() == 0
        finally:
            await worker.end()

    assert line["queues"].split(",") == sorted(["loyalty", *registry.queues()])
    assert {command: out for command, (status, out) in said.items() if status} == {}
    assert paths == ["/orders/1042/points"]
    assert len(await inbox.mails()) == 1
    for tests in (ARCHITECTURE, REPLAY):
        status, out = await run(house, *PYTHON_HERE, *tests)
        assert status == 0, out


def typed(command: str) -> str:
    """The command as the copy's reader would type it: with the copy's code, and the programs of our environment."""
    jobs = f"{sys.executable} -m starter"
    return re.sub(r"\.venv/bin/(\w+)", lambda found: jobs if found[1] == "jobs" else str(SCRIPTS / found[1]), command)
