"""The documentation's pages and the code in them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from tests.docs.house import ROOT

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_TITLE = re.compile(r"# (?P<file>[\w./-]+\.\w+)(?P<where>[ ,].*)?\n")


@dataclass(frozen=True)
class Block:
    """A fenced block. Its first line may name the file that it is: `# domain/orders.py`."""

    page: str
    line: int
    language: str
    text: str

    @property
    def file(self) -> str | None:
        found = _TITLE.match(self.text)
        return found["file"] if found else None

    @property
    def where(self) -> str:
        """What the first line says beside the file's name."""
        found = _TITLE.match(self.text)
        return (found["where"] or "").strip(" ,") if found else ""

    @property
    def body(self) -> str:
        """The text without the line that names the file."""
        return _TITLE.sub("", self.text, count=1) if self.file else self.text

    @property
    def commands(self) -> list[str]:
        """What is typed at the prompt."""
        return [line[2:] for line in self.text.splitlines() if line.startswith("$ ")]


def commands(page: Path) -> list[str]:
    """What a page says to type, in its order."""
    return [command for block in blocks(page) if block.language == "console" for command in block.commands]


def pages() -> list[Path]:
    """README, change log and everything in docs/."""
    return [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(page: Path) -> list[Block]:
    """All fenced blocks of a page that name their language."""
    text = page.read_text(encoding="utf-8")
    name = str(page.relative_to(ROOT))
    return [Block(name, text.count("\n", 0, m.start()) + 1, m[1], m[2]) for m in _BLOCK.finditer(text)]
