"""Packages that bring kinds of job of their own, on the path of a command line."""

from __future__ import annotations

from pathlib import Path


def install(folder: Path, code: str) -> None:
    """A module `digests` with this code, whose `ROW` is an entry point. `folder` is to be on the path."""
    (folder / "digests.py").write_text(code)
    info = folder / "shop_digests-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: shop-digests\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[durable_jobs.kinds]\ndigests = digests:ROW\n")
