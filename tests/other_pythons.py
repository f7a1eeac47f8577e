"""Runs the unit tests and the replay on the other Pythons that are installed here: `python -m tests.other_pythons`.

The whole suite runs on the Python of `.venv`; what differs among Pythons shows in these.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
VERSIONS = ("3.11", "3.12", "3.13")
TESTS = ("tests/domain", "tests/activities", "tests/workflows/test_replay.py")


def interpreter(version: str) -> str | None:
    """Path of a Python of this version, on the PATH or among pyenv's; None where there is none."""
    homes = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    candidates = [shutil.which(f"python{version}"), *map(str, sorted(homes.glob(f"{version}.*/bin/python{version}")))]
    for candidate in filter(None, candidates):
        # A shim can be there without the Python that it stands for.
        asked = subprocess.run([candidate, "-c", ""], capture_output=True, check=False)  # an interpreter
        if asked.returncode == 0:
            return candidate
    return None


def prepare(version: str, python: str) -> str:
    """Make `.venv-<version>` with the pinned packages, unless it is there for these pins; returns its Python."""
    folder = ROOT / f".venv-{version}"
    own, stamp = str(folder / "bin" / "python"), folder / "pins"
    pins = (ROOT / "pyproject.toml").read_text() + (ROOT / "constraints.txt").read_text()
    if not (stamp.exists() and stamp.read_text() == pins):
        run([python, "-m", "venv", "--clear", str(folder)])
        quiet = ("--quiet", "--disable-pip-version-check", "-c", "constraints.txt")
        run([own, "-m", "pip", "install", *quiet, "-e", ".[test]"])
        stamp.write_text(pins)
    return own


def run(command: list[str]) -> None:
    """Run it in the project's folder; a failure ends this program."""
    done = subprocess.run(command, cwd=ROOT, check=False)  # composed here
    if done.returncode:
        sys.exit(done.returncode)


def main() -> None:
    """Test on each Python that is here, but the one that runs the whole suite."""
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    for version in VERSIONS:
        if version == here:
            continue
        python = interpreter(version)
        if python is None:
            sys.stdout.write(f"Python {version}: not installed here, left out\n")
            continue
        sys.stdout.write(f"Python {version}: unit tests and replay\n")
        sys.stdout.flush()
        run([prepare(version, python), "-m", "pytest", "-q", "-p", "no:cacheprovider", *TESTS])


if __name__ == "__main__":
    main()
