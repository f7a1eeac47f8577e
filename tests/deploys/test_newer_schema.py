"""A new version is rolled out: its `jobs setup` comes first, and workers of the version before go on, and restart."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import asyncpg
import pytest
from temporalio.client import Client

from adapters.db import migrate, schema
from domain.errors import Conflict
from starter import Jobs, OrderConfirmationRequest
from tests.deploys.conftest import Start
from tests.docs.house import copy_rooms
from tests.outbox.shop import Shop
from tests.starter.commandline import CommandLine

pytestmark = pytest.mark.long


async def set_up_newer(tmp_path: Path, environment: dict[str, str], serves_from: str) -> str:
    """Run `jobs setup` of code with one more migration, which says that it serves code from this revision on."""
    folder = copy_rooms(tmp_path)
    (folder / "adapters" / "db" / "migrations" / "versions" / "v9000_gift_wrapping.py").write_text(
        '"""Gifts."""\n\nimport sqlalchemy as sa\nfrom alembic import op\n\n'
        f'revision = "9000"\ndown_revision = "{schema.head()}"\nserves_from = "{serves_from}"\n\n\n'
        'def upgrade() -> None:\n    op.add_column("orders", sa.Column("gift_wrapping", sa.Text()))\n\n\n'
        'def downgrade() -> None:\n    op.drop_column("orders", "gift_wrapping")\n'
    )
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "starter", "setup"),
        cwd=folder,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(60):
        out, _ = await process.communicate()
    assert process.returncode == 0, out.decode()
    return out.decode()


async def test_workers_of_the_version_before_restart_and_work_with_a_schema_that_serves_them(
    start: Start, environment: dict[str, str], tmp_path: Path, shop: Shop, client: Client, database: str
) -> None:
    said = await set_up_newer(tmp_path, environment, schema.head())
    assert "schema is now at revision 9000" in said

    worker = await start()
    await worker.takes_jobs()
    await shop.place(1)
    await worker.says("Job ended")
    assert (await Jobs(client).of(OrderConfirmationRequest(order_id=1)).result()).outcome == "done"
    assert (await worker.get("/readyz")).status_code == 200

    # Somebody who rolls back runs the older setup, too.
    older = await CommandLine(environment)("setup")
    assert older.status == 0, older.err
    assert "database: schema was at revision 9000 already, of newer code, which serves this code as well" in older.out
    assert await migrate.current(database) == "9000"


@pytest.mark.parametrize("said", [True, False], ids=["serves newer code only", "never said whom it serves"])
async def test_workers_that_the_new_schema_does_not_serve_say_so_and_do_not_start(
    start: Start, environment: dict[str, str], tmp_path: Path, database: str, *, said: bool
) -> None:
    await set_up_newer(tmp_path, environment, "9000")
    if not said:
        connection = await asyncpg.connect(database)
        await connection.execute(f"ALTER TABLE {schema.VERSION_TABLE} DROP COLUMN serves")
        await connection.close()

    worker = await start(WORKER_STARTUP_WAIT="1")

    line = await worker.says("Gave up")
    assert (
        f"at revision 9000, this code needs {schema.head()}: newer code has changed it, deploy that" in line["message"]
    )
    assert await worker.ended() == 1
    with pytest.raises(Conflict, match="newer code has changed it"):
        await migrate.upgrade(database)


def test_each_migration_that_was_released_says_which_code_its_schema_serves() -> None:
    first_release = "0010"
    folder = Path(migrate.__file__).parent / "migrations" / "versions"
    texts = {path.name[1:5]: path.read_text(encoding="utf-8") for path in folder.glob("v*.py")}

    silent = [number for number, text in texts.items() if number > first_release and "\nserves_from = " not in text]

    assert schema.serves_from(schema.head()) <= schema.head()
    assert silent == []
