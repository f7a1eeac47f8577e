"""What the manifests' pods are told: settings that there are, and secrets as files, each only where it is needed."""

from __future__ import annotations

import re

from adapters.job_settings import CodecSettings
from adapters.secret_files import NAMES
from adapters.settings import Settings
from tests.deploy.manifests import FOLDER, OF_JOBS, PODS, container, environment, of_kind


def test_secrets_come_as_files_which_the_secret_has() -> None:
    secret = of_kind("Secret")["jobs-secrets"]["stringData"]
    for name, pod in OF_JOBS.items():
        told = environment(pod)
        files = {variable: value for variable, value in told.items() if variable.removesuffix("_FILE") in NAMES}
        assert files.keys().isdisjoint(NAMES), name
        mounts = {each["name"]: each["mountPath"] for each in container(pod)["volumeMounts"]}
        assert {value.removeprefix(mounts["secrets"] + "/") for value in files.values()} == secret.keys(), name
        assert mounts["tmp"] == "/tmp"
        assert {each["name"] for each in pod["spec"]["volumes"]} == mounts.keys(), name


def commented_out_settings() -> dict[str, str]:
    text = (FOLDER / "base" / "settings.yaml").read_text(encoding="utf-8")
    return dict(re.findall(r"^  # ([A-Z_]+): (.*)$", text, re.MULTILINE))


def test_the_codec_server_gets_the_keys_the_database_and_no_other_secret() -> None:
    pod = PODS["codec"]
    volumes = {each["name"]: each for each in pod["spec"]["volumes"]}
    mounts = {each["name"]: each["mountPath"] for each in container(pod)["volumeMounts"]}
    told = environment(pod)

    assert volumes.keys() == mounts.keys() == {"secrets", "encryption", "tmp"}
    items = {each["key"]: each["path"] for each in volumes["secrets"]["secret"]["items"]}
    assert items == {"database_url": "database_url", "database_ca": "database_ca"}
    assert told["DATABASE_URL_FILE"] == f"{mounts['secrets']}/database_url"
    assert "sslrootcert=" + f"{mounts['secrets']}/database_ca" in (FOLDER / "base" / "secret.example.yaml").read_text()
    assert volumes["encryption"]["secret"].get("optional", False) is False
    assert told["JOBS_ENCRYPTION_KEYS_FILE"] == f"{mounts['encryption']}/keys"
    assert {name for name in told if name.startswith("JOBS_") or name.removesuffix("_FILE") in NAMES} == {
        *("DATABASE_URL_FILE", "JOBS_ENCRYPTION_KEYS_FILE", "JOBS_ENCRYPTION_DECRYPT_ONLY", "JOBS_WEB_UI")
    }


def test_settings_are_ones_that_there_are() -> None:
    groups = (*Settings().groups, CodecSettings())
    known = {
        f"{type(group).model_config.get('env_prefix', '')}{name}".upper()
        for group in groups
        for name in type(group).model_fields
    } | {
        "TEMPORAL_ADDRESS",
        "TEMPORAL_NAMESPACE",
        "JOBS_WEB_UI",
        "PAYMENT_CALLBACK_SCHEME",
        "PAYMENT_CALLBACK_SECRETS",
        "FORWARDED_ALLOW_IPS",
        "JOBS_ENCRYPTION_KEYS",
        "JOBS_ENCRYPTION_DECRYPT_ONLY",
    }

    told = {name for pod in PODS.values() for name in environment(pod)}
    assert {name.removesuffix("_FILE") for name in told} <= known
