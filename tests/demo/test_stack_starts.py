"""A stack starts beside others, on what an earlier one left, and says clearly why it can't."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from demo.data.staff import ALERTS_FROM, OPERATOR
from demo.link_secret import LINK_SECRET
from demo.lock import FolderInUse
from demo.part import PartFailed
from demo.payments.keys import API_KEY, WEBHOOK_SECRET
from demo.ports import LOOPBACK, Ports, PortTaken, free_port, is_taken
from demo.postgres import Postgres
from demo.stack import Stack
from demo.temporal_server import TemporalServer
from tests.demo.stack_owner import SCRIPT, OwnerStarter


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """Another program that has a port."""
    with socket.create_server((LOOPBACK, 0)) as server:
        yield server


def test_a_taken_port_is_replaced_and_the_replacement_told(listener: socket.socket) -> None:
    said: list[str] = []
    taken = listener.getsockname()[1]
    wanted = replace(Ports.free(), inbox=taken)

    settled = wanted.settle(say=said.append)

    assert settled.inbox != taken
    assert not is_taken(settled.inbox)
    assert replace(settled, inbox=taken) == wanted
    assert said == [f"Port {taken} (inbox) is taken by another program; using {settled.inbox}."]


def test_a_taken_port_is_an_error_where_no_other_may_be_taken(listener: socket.socket, folder: Path) -> None:
    taken = listener.getsockname()[1]
    stack = Stack(folder, ports=replace(Ports.free(), smtp=taken), take_others=False)

    with pytest.raises(PortTaken, match=f"port {taken} \\(smtp\\) is taken"):
        stack.start()
    stack.stop()


def test_two_servers_are_never_given_the_same_port() -> None:
    port = free_port()

    settled = Ports(port, port, port, port, port, port).settle()

    assert settled.temporal == port
    assert len(set(asdict(settled).values())) == 6


def test_a_second_stack_on_the_same_folder_is_refused(folder: Path, start_owner: OwnerStarter) -> None:
    owner = start_owner()

    with pytest.raises(FolderInUse, match=rf"runs on .* already \(process {owner.process.pid}\)"):
        Stack(folder, ports=Ports.free()).start()
    assert owner.process.poll() is None


def test_a_failed_start_shows_the_end_of_the_log_and_leaves_nothing_running(folder: Path) -> None:
    stack = Stack(folder, ports=Ports.free(), temporal_args=["--no-such-option"])

    with pytest.raises(PartFailed, match=r"temporal: it ended while starting[\s\S]*unknown flag: --no-such-option"):
        stack.start()

    assert stack.parts == ()
    assert stack.ports.settle(take_others=False) == stack.ports


def test_the_addresses_are_kept_in_the_folder_while_the_stack_runs(folder: Path) -> None:
    with Stack(folder, ports=Ports.free()) as stack:
        shell = f"set -a; . {folder / 'env'}; set +a; exec env -0"
        read = subprocess.run(["bash", "-c", shell], env={}, capture_output=True, check=True, text=True).stdout
        assert stack.environment().items() <= dict(line.split("=", 1) for line in read.split("\0") if line).items()
        assert stack.environment() == {
            "TEMPORAL_ADDRESS": stack.temporal_address,
            "TEMPORAL_NAMESPACE": "default",
            "DATABASE_URL": stack.database_url,
            "SMTP_HOST": LOOPBACK,
            "SMTP_PORT": str(stack.ports.smtp),
            "PAYMENT_URL": stack.payments_url,
            "PAYMENT_API_KEY": API_KEY,
            "PAYMENT_CALLBACK_SECRETS": WEBHOOK_SECRET,
            "ALERT_URLS": f"mailto://{LOOPBACK}:{stack.ports.smtp}?from={ALERTS_FROM}&to={OPERATOR}",
            "ALERT_WINDOW": "5",
            "REPORTS_STORE": str(folder / "reports"),
            "REPORTS_LINK_SECRETS": LINK_SECRET,
            "JOBS_WEB_UI": stack.web_ui,
        }
    assert not (folder / "env").exists()


def test_the_environment_of_clients_and_proxies_does_not_disturb_the_stack(folder: Path) -> None:
    disturbing = {
        "TEMPORAL_ADDRESS": "127.0.0.1:1",
        "TEMPORAL_PROFILE": "nowhere",
        "PGHOST": "127.0.0.9",
        "PGPORT": "1",
        "PGDATA": "/nonexistent",
        "http_proxy": "http://127.0.0.1:1",
        "LC_ALL": "xx_XX",
    }
    ports = '{"temporal": 0, "web_ui": 0, "postgres": 0, "smtp": 0, "inbox": 0, "payments": 0}'
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.replace("time.sleep(600)", "pass"), str(folder), ports],
        env=os.environ | disturbing,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.stdout, done.returncode) == ("up\n", 0), done.stderr


def test_a_pid_file_whose_process_id_another_program_has_by_now_is_no_obstacle(folder: Path) -> None:
    server = Postgres(folder / "data", port=free_port(), log=folder / "log")
    server.start()
    server.kill()
    left_over = folder / "data" / "postmaster.pid"
    lines = left_over.read_text().splitlines()
    left_over.write_text("\n".join([str(os.getppid()), *lines[1:]]) + "\n")

    server.start()
    server.stop()


def test_a_second_postgresql_on_the_same_data_is_refused(folder: Path) -> None:
    first = Postgres(folder / "data", port=free_port(), log=folder / "log")
    second = Postgres(folder / "data", port=free_port(), log=folder / "log2")
    first.start()
    try:
        with pytest.raises(PartFailed, match="a server runs on"):
            second.start()
        assert first.running
    finally:
        first.stop()


def test_half_made_data_of_an_interrupted_first_start_is_made_anew(folder: Path) -> None:
    (folder / "data.new").mkdir()
    (folder / "data.new" / "PG_VERSION").write_text("18\n")
    server = Postgres(folder / "data", port=free_port(), log=folder / "log")

    server.start()
    server.stop()


def test_the_temporal_server_is_tuned_unless_told_otherwise(folder: Path) -> None:
    def server(*, tuned: bool) -> list[str]:
        return TemporalServer(folder, port=1, ui_port=2, log=folder / "log", tuned=tuned).command()

    assert "journal_mode=wal" in server(tuned=True)
    assert "matching.numTaskqueueReadPartitions=1" in server(tuned=True)
    assert "--sqlite-pragma" not in server(tuned=False)
    assert not any("Partitions" in word or "MaxPollRPS" in word for word in server(tuned=False))
