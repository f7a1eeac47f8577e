"""Tests in other environments than `.venv`: `python -m tests.environments [NAME …]`.

Other Pythons, the lowest and the newest versions of the dependencies that `pyproject.toml` allows, and the installed
wheel. The whole suite runs in `.venv`; in the others the tests of `TESTS` run, which show the differences.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
VERSIONS = ("3.11", "3.12", "3.13")
TESTS = ("tests/domain", "tests/activities", "tests/workflows")
_PINNED = ("-c", "constraints.txt")


@dataclass(frozen=True)
class Environment:
    """A virtual environment `.venv-<name>`, and how its packages are chosen."""

    name: str
    python: str
    choice: tuple[str, ...] = _PINNED

    def prepare(self) -> str:
        """Make it, unless it is there for this `pyproject.toml` and these pins; returns its Python."""
        folder = ROOT / f".venv-{self.name}"
        own, stamp = str(folder / "bin" / "python"), folder / "made-for"
        wanted = (ROOT / "pyproject.toml").read_text() + (ROOT / "constraints.txt").read_text()
        if not (stamp.exists() and stamp.read_text() == wanted):
            _uv("venv", "--clear", "--seed", "--python", self.python, str(folder))
            _uv("pip", "install", "--python", own, *self.choice, "-e", ".[test]")
            stamp.write_text(wanted)
        return own


def interpreter(version: str) -> str | None:
    """Path of a Python of this version, on the PATH or among pyenv's; None if there is none."""
    homes = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    candidates = [shutil.which(f"python{version}"), *map(str, sorted(homes.glob(f"{version}.*/bin/python{version}")))]
    for candidate in filter(None, candidates):
        # A shim can be there without the Python that it stands for.
        started = subprocess.run([candidate, "-c", ""], capture_output=True, check=False)  # an interpreter
        if started.returncode == 0:
            return candidate
    return None


def environments() -> list[Environment]:
    """All of them; a Python that is not installed here is reported and left out."""
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    pythons = {version: interpreter(version) for version in VERSIONS}
    for version in (version for version, python in pythons.items() if python is None):
        _report(f"Python {version}: not installed here, left out")
    installed = {version: python for version, python in pythons.items() if python is not None}
    newest = list(installed.values())[-1]
    return [
        *(Environment(version, python) for version, python in installed.items() if version != here),
        Environment("lowest", sys.executable, ("--resolution", "lowest-direct")),
        Environment("newest", newest, ("--upgrade",)),
    ]


def check_wheel() -> None:
    """Install the wheel in an environment of its own, and use it from a folder that holds nothing."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        empty, own = folder / "empty", folder / "venv" / "bin"
        empty.mkdir()
        _uv("build", "--out-dir", made)
        _uv("venv", "--python", sys.executable, str(own.parent))
        _uv("pip", "install", "--python", str(own / "python"), *_PINNED, *map(str, folder.glob("*.whl")))
        for command in (["jobs", "--help"], ["jobs", "kinds"], ["python", "-c", "import starter, worker"]):
            run([str(own / command[0]), *command[1:]], cwd=empty)


def run(command: list[str], cwd: Path = ROOT) -> None:
    """Run it; a failure ends this program."""
    done = subprocess.run(command, cwd=cwd, check=False, stdout=sys.stderr)  # composed here
    if done.returncode:
        sys.exit(done.returncode)


def _uv(command: str, *arguments: str) -> None:
    run([str(Path(sys.executable).with_name("uv")), command, "--quiet", *arguments])


def _report(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    """Test in each environment, or in those that are named."""
    names = sys.argv[1:]
    for environment in environments():
        if not names or environment.name in names:
            _report(f"environment {environment.name}: {' '.join(TESTS)}")
            run([environment.prepare(), "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "not servers", *TESTS])
    if not names or "wheel" in names:
        _report("wheel: installed and used from an empty folder")
        check_wheel()


if __name__ == "__main__":
    main()
