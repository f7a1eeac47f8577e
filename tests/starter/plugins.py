"""Packages that bring kinds of job and schedules of their own, on the path of a process."""

from __future__ import annotations

from pathlib import Path


def install(folder: Path, code: str, *, name: str = "digests", entry_points: str = "") -> None:
    """A module with this code, in a package with these entry points: its `ROW`, unless others are given.

    `folder` is to be on the path.
    """
    entry_points = entry_points or f"[durable_jobs.kinds]\n{name} = {name}:ROW\n"
    (folder / f"{name}.py").write_text(code)
    info = folder / f"shop_{name}-1.0.dist-info"
    info.mkdir(exist_ok=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: shop-{name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(entry_points)
