"""Parts end when they are told to, and never outlive the process that started them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import psutil
import pytest

from demo import programs
from demo.part import Part, PartFailed
from demo.ports import LOOPBACK, Ports, free_port, is_taken
from demo.postgres import Postgres
from demo.temporal_server import TemporalServer
from tests.demo.conftest import survivors

STUBBORN = "trap '' TERM; sleep 600 & echo up; while :; do sleep 0.05; done"


class Shell(Part):
    """A script that is ready once it has said something."""

    def __init__(self, script: str, folder: Path, grace_s: float = 10) -> None:
        super().__init__("shell", log=folder / "log", grace_s=grace_s)
        self.script = script

    def command(self) -> list[str]:
        return ["/bin/sh", "-c", self.script]

    def environment(self) -> dict[str, str]:
        return dict(os.environ)

    def ready(self) -> bool:
        return bool(self.last_lines())


def family(part: Part) -> list[psutil.Process]:
    assert part.pid is not None
    process = psutil.Process(part.pid)
    return [process, *process.children(recursive=True)]


@pytest.mark.parametrize("end", [Part.stop, Part.kill])
def test_a_part_that_ignores_the_stop_signal_and_what_it_started_are_killed(end: object, tmp_path: Path) -> None:
    part = Shell(STUBBORN, tmp_path, grace_s=0.1)
    part.start()
    everyone = family(part)

    assert callable(end)
    end(part)
    part.stop()

    assert len(everyone) > 1
    assert survivors(everyone) == []
    assert not part.died


def test_a_part_that_ends_by_itself_has_died_and_can_be_started_again(tmp_path: Path) -> None:
    part = Shell("echo up; exec sleep 600", tmp_path)
    part.start()
    for process in family(part):
        process.kill()
        process.wait()

    assert part.died
    part.start()
    assert part.running
    part.stop()


def test_a_part_that_cannot_start_shows_the_end_of_its_log(tmp_path: Path) -> None:
    missing = TemporalServer(tmp_path, port=1, ui_port=2, log=tmp_path / "log", extra_args=["--no-such-option"])

    with pytest.raises(PartFailed, match=r"temporal: it ended while starting[\s\S]*unknown flag: --no-such-option"):
        missing.start()

    assert missing.pid is None


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_part_does_not_outlive_its_owner(how: signal.Signals, tmp_path: Path) -> None:
    script = """
import sys, time
from pathlib import Path
from tests.demo.test_parts import STUBBORN, Shell
part = Shell(STUBBORN, Path(sys.argv[1]))
part.start()
print(part.pid, flush=True)
time.sleep(600)
"""
    owner = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    with owner.stdout:
        part = psutil.Process(int(owner.stdout.readline()))

    owner.send_signal(how)
    owner.wait()

    assert survivors([part]) == []


def test_a_program_gets_the_demos_settings_and_none_that_are_for_another_system(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TEMPORAL_API_KEY", "of another system")
    monkeypatch.setenv("API_BODY_LIMIT", "1")

    found = programs.environment({"TEMPORAL_ADDRESS": "127.0.0.1:1"})

    temporal = {name: value for name, value in found.items() if name.startswith(("TEMPORAL_", "API_"))}
    assert temporal == {"TEMPORAL_ADDRESS": "127.0.0.1:1", "TEMPORAL_CONFIG_FILE": os.devnull}


def test_ports_that_are_taken_or_named_twice_are_replaced() -> None:
    said: list[str] = []
    with socket.create_server((LOOPBACK, 0)) as server:
        taken = server.getsockname()[1]
        wanted = replace(Ports.free(), inbox=taken, smtp=(port := free_port()), payments=port)

        settled = wanted.settle(say=said.append)

    assert not is_taken(settled.inbox)
    assert len(set(asdict(settled).values())) == len(asdict(settled))
    assert replace(settled, inbox=taken, payments=port) == wanted
    assert said[0] == f"Port {taken} (inbox) is taken by another program; using {settled.inbox}."


def test_postgresql_starts_on_what_a_crash_left_and_on_no_data_that_is_in_use(folder: Path) -> None:
    (folder / "data.new").mkdir()
    (folder / "data.new" / "PG_VERSION").write_text("18\n")  # of a first start that was interrupted
    server = Postgres(folder / "data", port=free_port(), log=folder / "log")
    server.start()
    with pytest.raises(PartFailed, match="a server runs on"):
        Postgres(folder / "data", port=free_port(), log=folder / "log2").start()
    assert server.running

    # A crash, and another program has the process id by now.
    server.kill()
    left_over = folder / "data" / "postmaster.pid"
    left_over.write_text("\n".join([str(os.getppid()), *left_over.read_text().splitlines()[1:]]) + "\n")
    server.start()
    server.stop()


def test_the_temporal_server_can_have_its_own_defaults(tmp_path: Path) -> None:
    command = TemporalServer(tmp_path, port=1, ui_port=2, log=tmp_path / "log", tuned=False).command()

    assert "--sqlite-pragma" not in command
    assert not any("Partitions" in word or "MaxPollRPS" in word for word in command)
