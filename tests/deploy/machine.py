"""The compose file's services as plain processes, on a stack that stands for the images of others.

What a container would be given is given to the process: command, environment, secrets, folders. Names of other
containers become the stack's addresses, and each service gets ports of its own, since all have one network here.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from demo.ports import LOOPBACK, free_port
from demo.postgres import PROGRAMS
from demo.stack import Stack
from tests.deploy import compose_file, image
from tests.deploy.compose_file import Service
from tests.docs.house import ROOT, SCRIPTS

SCRIPTS_OF = ROOT / "deploy" / "compose"
SETTINGS = {
    **compose_file.settings_of(compose_file.EXAMPLE.read_text(encoding="utf-8")),
    "TEMPORAL_NAMESPACE": "shop",
    # Nothing listens there: no test is to reach out.
    "PAYMENT_URL": "http://127.0.0.1:9",
}


@dataclass
class Running:
    """A service that was started."""

    service: Service
    process: asyncio.subprocess.Process
    port: int
    environment: Mapping[str, str]
    log: Path

    async def stop(self) -> int:
        """As `docker stop`: SIGTERM, and no more than the grace period; returns the exit status."""
        self.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(self.service.grace):
            return await self.process.wait()


@dataclass
class Machine:
    """All that a machine with Docker would have."""

    stack: Stack
    folder: Path
    installed: Path
    services: dict[str, Service] = field(default_factory=lambda: compose_file.services(SETTINGS))
    running: dict[str, Running] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # A folder that is nobody's, as the image's own is.
        self.elsewhere = self.folder / "elsewhere"
        self.elsewhere.mkdir()
        self.secrets = self.folder / "secrets"
        self._base = {
            "PATH": f"{SCRIPTS}:{PROGRAMS}:{os.environ['PATH']}",
            "HOME": "/nonexistent",
            "TEMPORAL_CONFIG_FILE": os.devnull,
            "PYTHONPATH": str(self.installed),
        }

    def make_secrets(self, *options: str) -> None:
        """By the script, whose addresses are then the stack's."""
        script = ["sh", str(SCRIPTS_OF / "make-secrets.sh"), *options, str(self.secrets)]
        subprocess.run(script, check=True, capture_output=True)
        url = self.secrets / "database_url"
        url.write_text(self._here(url.read_text(encoding="utf-8")), encoding="utf-8")

    def make_databases(self) -> None:
        """By the script that PostgreSQL's image runs, on the stack's server."""
        account = {"PGHOST": "127.0.0.1", "PGPORT": str(self.stack.ports.postgres), "POSTGRES_USER": "postgres"}
        self._script("postgres/10-databases.sh", account)

    def make_namespace(self) -> str:
        """By the script that the compose file names; returns what it says."""
        service = self.services["temporal-namespace"]
        assert service.command[:-1] == ["/bin/sh"]
        return self._script(
            f"temporal/{Path(service.command[-1]).name}",
            {name: self._here(value) for name, value in service.environment.items()},
        )

    async def once(self, name: str) -> tuple[int, str]:
        """Run a service that ends by itself; returns its exit status and what it said."""
        running = await self.start(name)
        async with asyncio.timeout(120):
            status = await running.process.wait()
        return status, running.log.read_text(encoding="utf-8")

    async def command(self, *command: str, of: str) -> str:
        """As `docker compose run --rm SERVICE COMMAND`; returns its output. Raises where it fails."""
        process = await asyncio.create_subprocess_exec(
            *self._program(list(command), 0),
            env=self.environment(self.services[of], 0),
            cwd=self.elsewhere,
            stdout=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(60):
            out, _ = await process.communicate()
        assert process.returncode == 0, out.decode()
        return out.decode()

    async def start(self, name: str) -> Running:
        """Start a service."""
        service, port, log = self.services[name], free_port(), self.folder / f"{name}.log"
        environment = self.environment(service, port)
        with log.open("wb") as file:
            process = await asyncio.create_subprocess_exec(
                *self._program(service.command, port),
                env=environment,
                cwd=self.elsewhere,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=file,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,
            )
        self.running[name] = Running(service, process, port, environment, log)
        return self.running[name]

    async def health(self, name: str) -> tuple[int, str]:
        """Run the service's own health check once; returns its exit status and what it said."""
        running = self.running[name]
        process = await asyncio.create_subprocess_exec(
            *self._program(running.service.health_command, running.port),
            env=dict(running.environment),
            cwd=self.elsewhere,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        out, _ = await process.communicate()
        assert process.returncode is not None
        return process.returncode, out.decode()

    async def healthy(self, name: str) -> None:
        """Wait until it is, for as long as Docker would before it counts failures."""
        limit = compose_file.seconds(self.services[name].told["healthcheck"]["start_period"])
        said = ""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit):
                while self.running[name].process.returncode is None:
                    status, said = await self.health(name)
                    if status == 0:
                        return
                    await asyncio.sleep(0.2)
        raise AssertionError(f"{name}: {said}\n{self.running[name].log.read_text(encoding='utf-8')}")

    def environment(self, service: Service, port: int) -> dict[str, str]:
        """What the container would have."""
        told = {**image.environment(), **service.environment}
        ours = {name: self._here(value) for name, value in told.items()}
        mail = {"SMTP_PORT": str(self.stack.ports.smtp), "WORKER_HTTP_PORT": str(port), "WORKER_HTTP_HOST": "127.0.0.1"}
        metrics = {
            name: value
            for server in ("API", "CODEC")
            for name, value in ((f"{server}_METRICS_HOST", "127.0.0.1"), (f"{server}_METRICS_PORT", str(free_port())))
        }
        return {**self._base, **ours, **mail, **metrics}

    def kill_all(self) -> None:
        """Leave nothing behind."""
        for running in self.running.values():
            if running.process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(running.process.pid, signal.SIGKILL)

    def _program(self, command: list[str], port: int) -> list[str]:
        program = sys.executable if command[0] == "python" else command[0]
        return [program, *(self._at(self._here(argument), port) for argument in command[1:])]

    def _at(self, argument: str, port: int) -> str:
        """Ports of its own, on the loopback interface alone."""
        ours = re.sub(r":(9090|8080|8081)/", f":{port}/", argument)
        return re.sub(r"^--port=\d+$", f"--port={port}", "--host=127.0.0.1" if ours == "--host=0.0.0.0" else ours)

    def _here(self, text: str) -> str:
        """Where on this machine that is."""
        for there, here in (
            ("temporal:7233", self.stack.temporal_address),
            ("@postgres:5432/", f"@127.0.0.1:{self.stack.ports.postgres}/"),
            ("/run/secrets", str(self.secrets)),
            ("/var/lib/jobs/reports", str(self.folder / "reports")),
            ("mailpit", LOOPBACK),
        ):
            text = text.replace(there, here)
        return text

    def _script(self, path: str, environment: Mapping[str, str]) -> str:
        text = self._here((SCRIPTS_OF / path).read_text(encoding="utf-8"))
        done = subprocess.run(
            ["sh", "-c", text],
            env={**self._base, **environment},
            cwd=self.elsewhere,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout
