"""No secret of any setting goes where it does not belong: everything that is kept, told or shown is searched, also
after crashes."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial
from itertools import repeat
from pathlib import Path

import httpx
import pytest
import trustme
from pydantic import SecretStr

from adapters import known_secrets
from adapters.configuration import values
from adapters.settings import PaymentCallbackSettings, Settings
from demo.ports import free_port
from demo.stack import Stack
from domain.payments import PaymentState
from starter import Jobs, OrderConfirmationRequest
from tests.alert_receiver import AlertReceiver
from tests.callback_signing import ANOTHER_SECRET, body_of, signed
from tests.connection.certificates import authority_file
from tests.http_interface.serving import ORDER
from tests.integration.test_private_history import dumped
from tests.payments.shop import Shop, becomes
from tests.payments.test_private import all_rows, said
from tests.processes.fork_server import python
from tests.security.leaking import install_leaking
from tests.security.marked import ENCRYPTING, SECRETS, SMTP, TEMPORAL, found_in, kept_by_temporal, variables
from tests.smtp_server import Reply, SmtpServer
from tests.starter.commandline import CommandLine
from tests.worker.worker_process import WorkerProcess, output_of


@pytest.fixture
def receiver() -> Iterator[AlertReceiver]:
    with AlertReceiver(codes=[500]) as receiver:
        yield receiver


@pytest.fixture
def given(environment: dict[str, str], database: str, receiver: AlertReceiver, tmp_path: Path) -> dict[str, str]:
    """Variables of processes, with a secret for each setting that has one, and a package that gives them away."""
    install_leaking(tmp_path)
    port = int(receiver.url.rpartition(":")[2].partition("/")[0])
    marked = variables(database, port, tmp_path / "reports")
    return {**environment, **marked, "PYTHONPATH": str(tmp_path), "NO_PROXY": "*"}


def test_each_setting_that_is_secret_has_a_marked_one_and_the_log_knows_it(
    given: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, value in {**given, **ENCRYPTING}.items():
        monkeypatch.setenv(name, value)
    settings = Settings()
    told = values(*settings.groups, PaymentCallbackSettings())

    secret = {name: value for name, value in told.items() if isinstance(value, SecretStr)}
    unmarked = [name for name, value in secret.items() if not found_in(value.get_secret_value())]
    assert (unmarked, [name for name in ("SMTP_PASSWORD", "ALERT_URLS") if name not in secret]) == ([], [])
    mask = known_secrets.mask()
    assert found_in(mask(repr({**given, **ENCRYPTING}))) == set()
    assert found_in(mask("\n".join(SECRETS))) <= {"mark of the encryption key 4f2c9"}  # the key is given in base64
    (tmp_path / "keys").write_text(f"# ours\n{ENCRYPTING['JOBS_ENCRYPTION_KEYS']}  # since then\n")
    (line,) = base64.b64encode(b"a private key's own bytes").decode().splitlines()
    pem = f"-----BEGIN PRIVATE KEY-----\n{line}\n-----END PRIVATE KEY-----\n"
    in_files = {"JOBS_ENCRYPTION_KEYS_FILE": str(tmp_path / "keys"), "TEMPORAL_TLS_CLIENT_KEY_DATA": pem}
    masked = known_secrets.mask(in_files)(f"{ENCRYPTING} {pem!r}")
    assert (found_in(masked), line in masked) == (set(), False)
    record = logging.makeLogRecord({"msg": f"a line with {SMTP}"})
    assert SMTP not in known_secrets.MaskedFormatter(None, mask).format(record)


@asynccontextmanager
async def http_process(
    environment: dict[str, str], app: str = "starter.api:app"
) -> AsyncIterator[tuple[str, list[str]]]:
    """The HTTP interface as operators run it: its address, and what it has said once it has ended."""
    port, said = free_port(), []
    process = await asyncio.create_subprocess_exec(
        *(*python(), "-m", "uvicorn", app, "--port", str(port), "--log-level", "debug"),
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(60):
            while b"running on" not in (line := await process.stdout.readline()):
                said.append(line.decode())
                assert line, said
        yield f"http://127.0.0.1:{port}", said
    finally:
        process.terminate()
        said.append((await process.communicate())[0].decode())


@pytest.mark.long
async def test_neither_temporal_database_logs_metrics_mails_nor_answers_hold_a_secret(
    stack: Stack, shop: Shop, given: dict[str, str], database: str, tmp_path: Path
) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate.configure_cert(tls)
    jobs = Jobs(shop.client)
    answers: list[str] = []
    async with SmtpServer(users={"shop": SMTP}, starttls=tls) as mail:
        smtp = {
            "SMTP_HOST": mail.host,
            "SMTP_PORT": str(mail.port),
            "SMTP_SECURITY": "starttls",
            "SMTP_CA_FILE": authority_file(authority, tmp_path / "authority.pem"),
            "WORKER_LOG_LEVEL": "DEBUG",
        }
        worker = await WorkerProcess.start(given | smtp)
        try:
            async with http_process(given) as (address, api_said):
                fine, refused = await shop.order(), await shop.order()
                mail.script(f"order{refused}@example.com", repeat(Reply(550, f"5.7.1 password {SMTP} is not yours")))
                await shop.ends(await confirmation_of(jobs, fine))
                await shop.fails(await confirmation_of(jobs, refused))
                payment = await shop.payment(await shop.order(), PaymentState.captured)
                denied = await shop.payment(await shop.order(), PaymentState.captured)
                rule = {"payment_id": denied, "path": "/v1/payment_intents", "times": None}
                await shop.provider.misbehave(**rule | said(401))
                await shop.ends(await shop.hears(payment))
                await shop.fails(await shop.hears(denied))
                leak = await jobs.client.start_workflow("Leak", {"order_id": 1}, id="leak/1", task_queue="leaks")
                await becomes(partial(retries, jobs))
                async with httpx.AsyncClient(base_url=address, trust_env=False, timeout=20) as http:
                    for secret in (given["PAYMENT_CALLBACK_SECRETS"], ANOTHER_SECRET):
                        sent = signed("standard", body_of("standard"), secret=secret)
                        answers.append(
                            (await http.post("/webhooks/payments", content=sent.body, headers=sent.headers)).text
                        )
                    bearer = {"Authorization": f"Bearer {TEMPORAL}"}  # as if somebody took the one key for the other
                    answers.append((await http.post("/orders", json=ORDER, headers=bearer)).text)
                    answers += [(await http.post("/orders", json=ORDER)).text, (await http.get("/readyz")).text]
                    for path in (f"/orders/1?token={SMTP}", f"/{TEMPORAL}"):
                        await http.get(path, headers={"Authorization": f"Bearer dj_{SMTP}"})
                    api_metrics = (await http.get(metrics_of(api_said))).text
                await leak.terminate()
            histories = [await dumped(shop.client, job) for job in [*await shop.job_ids(), "leak/1"]]
            metrics = (await worker.get("/metrics")).text + (await worker.get("/readyz")).text + api_metrics
        finally:
            await worker.end()

    log = json.dumps(worker.lines, ensure_ascii=False) + worker.errors
    assert "in a step: cannot connect with" in log  # the text of what nobody foresaw, which the log alone keeps
    assert found_in(log, [TEMPORAL]) == set()
    assert found_in("".join(api_said)) == set()
    assert 'http_route="/webhooks/payments"' in api_metrics
    assert found_in("".join(answers) + metrics) == set()
    assert found_in("".join(histories)) == set()
    temporal = kept_by_temporal(stack.folder)
    assert f"order-confirmation/{fine}" in temporal
    assert found_in(temporal) == set()
    assert found_in(await all_rows(database)) == set()
    assert mail.mails
    assert found_in("".join(sent.raw.decode("latin-1") for sent in mail.mails)) == set()


def metrics_of(said: list[str]) -> str:
    """Where the HTTP interface tells them, as it says at its start."""
    (line,) = (line for line in said if "Metrics are at" in line)
    return line.split()[-1]


async def confirmation_of(jobs: Jobs, order: int) -> str:
    return (await jobs.start(OrderConfirmationRequest, order_id=order)).id


async def retries(jobs: Jobs) -> bool:
    return (await jobs.of("leak/1").status()).next_attempt_at is not None


async def output_of_command(environment: dict[str, str]) -> tuple[int, str, str]:
    """Of the command line, as of a worker."""
    finished = await CommandLine(environment)("kinds")
    return finished.status, finished.out, finished.err


@pytest.mark.long
async def test_a_worker_that_crashes_or_cannot_start_gives_no_secret_away(
    given: dict[str, str], tmp_path: Path
) -> None:
    profile = tmp_path / "temporal.toml"
    profile.write_text(f'[profile.default]\napi_key = "{TEMPORAL}"\naddress = broken\n')
    unreadable = {name: value for name, value in given.items() if name != "TEMPORAL_API_KEY"}
    url = given["DATABASE_URL"]
    short = {"WORKER_STARTUP_WAIT": "1"}
    command, *crashes = await asyncio.gather(
        output_of_command(given | {"LEAK": "import"}),
        output_of(given | ENCRYPTING | {"LEAK": "crash"}),
        output_of(given | ENCRYPTING | {"LEAK": "import"}),
        output_of(given | ENCRYPTING | {"LEAK": "ports"} | short),
        output_of(short | unreadable | {"TEMPORAL_CONFIG_FILE": str(profile)}),
        output_of(given | {"DATABASE_URL": url.replace("127.0.0.1:", "127.0.0.1:port")} | short),
        output_of(given | {"JOBS_ENCRYPTION_KEYS": ENCRYPTING["JOBS_ENCRYPTION_KEYS"].replace(":", ":x")} | short),
    )

    assert "at the import: cannot connect" in command[2]
    assert "Fatal Python error: Aborted" in crashes[0][2]
    assert "at the import: cannot connect" in crashes[1][2]
    assert "at the start: cannot connect" in crashes[2][1] + crashes[2][2]
    for status, out, err in (command, *crashes):
        assert status != 0
        assert found_in(out + err) == set()
