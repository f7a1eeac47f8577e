"""What the Dockerfile makes: read from the file itself, so that the two cannot part."""

from __future__ import annotations

import compileall
import re
import shlex
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

from tests.docs.house import ROOT

DOCKERFILE = ROOT / "Dockerfile"


@dataclass(frozen=True)
class Instruction:
    """One of the Dockerfile's, its lines joined."""

    name: str
    text: str

    @property
    def words(self) -> list[str]:
        """As a list: of the JSON form, or as a shell splits them."""
        return re.findall(r'"([^"]*)"', self.text) if self.text.startswith("[") else shlex.split(self.text)


def stages() -> list[list[Instruction]]:
    """Instructions by stage; what stands before the first stage is left out."""
    lines = [line for line in DOCKERFILE.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    found: list[list[Instruction]] = []
    for line in filter(str.strip, joined.splitlines()):
        name, _, text = line.partition(" ")
        if name == "FROM":
            found.append([])
        if found:
            found[-1].append(Instruction(name, text.strip()))
    return found


def environment() -> dict[str, str]:
    """Variables that the image sets, without its PATH."""
    pairs = [word.partition("=") for each in stages()[-1] if each.name == "ENV" for word in each.words]
    return {name: value for name, _, value in pairs if name != "PATH"}


def copied() -> list[str]:
    """Files and folders of ours that get into the image."""
    return [source for each in stages()[0] if each.name == "COPY" for *sources, _ in [each.words] for source in sources]


def install(to: Path) -> Path:
    """Install what is copied, and nothing else of the project, as the image has it; returns the folder."""
    source, wheels, installed = to / "src", to / "wheels", to / "site-packages"
    source.mkdir(parents=True)
    for name in copied():
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, source / name)
    # setuptools is there already, and need not be fetched for this.
    quiet = ("--quiet", "--disable-pip-version-check", "--no-deps", "--no-build-isolation")
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", *quiet, "--wheel-dir", str(wheels), str(source)],
        check=True,
        capture_output=True,
    )
    (wheel,) = wheels.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(installed)
    compileall.compile_dir(installed, quiet=1)
    return installed
