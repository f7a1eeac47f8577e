"""Sets one PDF, in a process of its own: reads what to set from standard input, writes the file to standard output.

It is run by its path, in Python's isolated mode, and imports nothing of this project.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import typst

FONT_PACKAGES = ("manimgx_fonts", "manimgx_fonts_cjk")


def font_folders() -> list[str]:
    """Where the fonts are: only those that come with these packages are used, so that all machines set the same."""
    folders: list[str] = []
    for package in FONT_PACKAGES:
        spec = importlib.util.find_spec(package)
        if spec is None:
            raise ModuleNotFoundError(f"the package {package.replace('_', '-')}, which brings fonts, is not installed")
        folders += spec.submodule_search_locations or []
    return folders


def main() -> int:
    """Read `root`, `template`, `timestamp` and `data` as JSON; 1 where they cannot be set, and why on standard error.

    What is set comes to the template as data, and is never a part of it: nothing in a text is markup.
    """
    order = json.load(sys.stdin.buffer)
    root, nowhere = Path(order["root"]), Path("/nonexistent")
    try:
        fonts = typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[*font_folders()])
        compiler = typst.Compiler(
            root / order["template"],
            root=root,
            font_paths=fonts,
            sys_inputs={"data": order["data"]},
            # Templates use no packages, which would come from the network.
            package_path=nowhere,
            package_cache_path=nowhere,
        )
        pdf = compiler.compile(format="pdf", timestamp=order["timestamp"])
    except (typst.TypstError, ModuleNotFoundError) as error:
        sys.stderr.write(getattr(error, "message", str(error)))
        return 1
    if not isinstance(pdf, bytes):
        raise TypeError(type(pdf).__name__)
    sys.stdout.buffer.write(pdf)
    return 0


if __name__ == "__main__":
    sys.exit(main())
