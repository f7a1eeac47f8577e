"""A client of the application's, made fit to start jobs."""

from __future__ import annotations

from dataclasses import replace

from temporalio.client import Client

from starter import encryption
from workflows.data_converter import JobPayloadConverter


def with_our_converter(client: Client) -> Client:
    """The client itself where it converts as workers do, else one on the same connection that does.

    The rest stays as it was: namespace, interceptors, external storage, a payload codec of its own. Where it has none,
    it gets the encryption that `JOBS_ENCRYPTION_KEYS` asks for. `client` is not changed. Raises InvalidStart where that
    cannot be used.
    """
    theirs, own = client.data_converter, encryption.configured()
    codec = theirs.payload_codec or own.payload_codec
    if issubclass(theirs.payload_converter_class, JobPayloadConverter) and codec is theirs.payload_codec:
        return client
    ours = replace(
        theirs,
        payload_converter_class=own.payload_converter_class,
        failure_converter_class=own.failure_converter_class,
        payload_codec=codec,
    )
    # As its plugins have made it: applied once more, they could bring their own converter back.
    config = client.config(active_config=True)
    config["plugins"], config["data_converter"] = [], ours
    return Client(**config)
