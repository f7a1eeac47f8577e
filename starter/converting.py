"""A client of the application's, made fit to start jobs."""

from __future__ import annotations

from dataclasses import replace

from temporalio.client import Client

from workflows.data_converter import JobPayloadConverter, data_converter


def with_our_converter(client: Client) -> Client:
    """The client itself where it converts as workers do, else one on the same connection that does.

    The rest stays as it was: namespace, interceptors, payload codec, external storage. `client` is not changed.
    """
    theirs = client.data_converter
    if issubclass(theirs.payload_converter_class, JobPayloadConverter):
        return client
    ours = replace(
        theirs,
        payload_converter_class=data_converter.payload_converter_class,
        failure_converter_class=data_converter.failure_converter_class,
    )
    # As its plugins have made it: applied once more, they could bring their own converter back.
    config = client.config(active_config=True)
    config["plugins"], config["data_converter"] = [], ours
    return Client(**config)
