"""A kind of job is complete, or these tests name what is missing."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from domain.requests import kind_name
from tests.docs.house import ROOMS, ROOT
from workflows.registry import Registry, registry


def workflow_classes(folder: Path) -> Iterator[tuple[Path, str]]:
    """Files with the classes that are decorated with @workflow.defn."""
    for path in sorted(folder.glob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and any("workflow.defn" in ast.unparse(d) for d in node.decorator_list):
                yield path, node.name


def missing_of_kind(root: Path, path: Path, name: str, kinds: Registry) -> list[str]:
    """What a workflow lacks to be a complete kind of job, each a sentence that names the file or row."""
    where, kind, missing = f"workflows/{path.name}: {name}", kind_name(name), []
    if (name, path.stem) not in {(row.workflow.__name__, row.workflow.__module__.rpartition(".")[2]) for row in kinds}:
        missing.append(f"{where} has no row in workflows/registry.py")
    if path.stem != kind.replace("-", "_"):
        missing.append(f"{where} stands in a file of another name; expected {kind.replace('-', '_')}.py")
    for room, suffix in (("domain", "Request"), ("activities", "Activities")):
        other = root / room / path.name
        if not other.is_file():
            missing.append(f"{where} has no file {room}/{path.name}")
        elif f"class {name}{suffix}" not in other.read_text(encoding="utf-8"):
            missing.append(f"{where}: {room}/{path.name} has no class {name}{suffix}")
    if not list((root / "tests" / "histories" / kind).glob("*.json")):
        missing.append(f"{where} has no recorded history in tests/histories/{kind}/")
    return missing


def test_every_workflow_is_a_complete_kind_of_job() -> None:
    found = list(workflow_classes(ROOT / "workflows"))

    missing = [line for path, name in found for line in missing_of_kind(ROOT, path, name, registry)]

    assert found
    assert not missing, "\n".join(missing)


def test_every_row_of_the_registry_has_its_workflow_here() -> None:
    assert {row.workflow.__name__ for row in registry} == {name for _, name in workflow_classes(ROOT / "workflows")}


def test_the_package_of_workflows_imports_nothing() -> None:
    # Whatever it held would run in the sandbox again for each run of each kind.
    assert (ROOT / "workflows" / "__init__.py").read_text(encoding="utf-8") == ""


def test_retries_come_from_the_policy_table_alone() -> None:
    files = [ROOT / "worker.py", *(path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py")))]

    making = {
        str(path.relative_to(ROOT)) for path in files if re.search(r"\bRetryPolicy\(", path.read_text(encoding="utf-8"))
    }

    # What a failing run does last is no step: it has seconds, and its own failure is nobody's.
    assert making == {"workflows/steps.py", "workflows/dead_letters.py"}


def test_every_step_says_why_it_can_run_twice() -> None:
    silent = [
        f"{kind.name}: {name}"
        for kind in registry
        for name, step in kind.steps().items()
        if not (step.__doc__ or "").startswith("Can run twice: ")
    ]

    assert not silent
