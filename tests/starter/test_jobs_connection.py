"""`Jobs.connect`: by the environment alone, and what it raises where that does not lead to Temporal."""

from __future__ import annotations

from pathlib import Path

import pytest

from demo.stack import Stack
from starter import Jobs, OrderConfirmationRequest
from starter.errors import TemporalUnreachable


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither this machine's variables nor its profile file."""
    for name in ("ADDRESS", "NAMESPACE", "PROFILE", "API_KEY", "TLS"):
        monkeypatch.delenv(f"TEMPORAL_{name}", raising=False)
    monkeypatch.setenv("TEMPORAL_CONFIG_FILE", str(tmp_path / "none.toml"))


async def test_address_and_namespace_come_from_the_environment(
    stack: Stack, jobs: Jobs, monkeypatch: pytest.MonkeyPatch, order_id: int
) -> None:
    monkeypatch.setenv("TEMPORAL_ADDRESS", stack.temporal_address)
    monkeypatch.setenv("TEMPORAL_NAMESPACE", jobs.client.namespace)
    monkeypatch.setenv("JOBS_WEB_UI", "https://temporal.example.com/")

    handle = await (await Jobs.connect()).start(OrderConfirmationRequest, order_id=order_id)

    assert (await jobs.of(handle.id).status()).run_id == handle.run_id
    assert handle.web_ui.startswith(f"https://temporal.example.com/namespaces/{jobs.client.namespace}/workflows/")


async def test_a_lazy_connection_is_made_with_temporal_away_and_fails_at_the_first_call(
    monkeypatch: pytest.MonkeyPatch, order_id: int
) -> None:
    monkeypatch.setenv("TEMPORAL_ADDRESS", "127.0.0.1:1")
    jobs = await Jobs.connect(lazy=True)

    with pytest.raises(TemporalUnreachable):
        await jobs.start(OrderConfirmationRequest, order_id=order_id)

    with pytest.raises(TemporalUnreachable):
        await jobs.of(f"order-confirmation/{order_id}").status()
    with pytest.raises(TemporalUnreachable):
        await jobs.list()


@pytest.mark.parametrize("variable", [{"TEMPORAL_TLS": "true"}, {"TEMPORAL_API_KEY": "abc"}], ids=str)
async def test_tls_to_a_server_without_it_is_told(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, variable: dict[str, str]
) -> None:
    monkeypatch.setenv("TEMPORAL_ADDRESS", stack.temporal_address)
    for name, value in variable.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(TemporalUnreachable, match=r"TEMPORAL_TLS .* Reason: .*InvalidMessage"):
        await Jobs.connect()
