"""Keys are read from the environment or a file; messages about wrong ones show no key."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from temporalio.api.common.v1 import Payload

from starter.encryption import configured, describe, keyring_from, new_key
from starter.errors import InvalidStart
from workflows.data_converter import EncryptionKeyMissing, data_converter, key_id_of
from workflows.encryption import Keyring

KEY = base64.b64encode(bytes(range(32))).decode()
OTHER = base64.b64encode(bytes(range(1, 33))).decode()
PLAIN = Payload(metadata={"encoding": b"json/plain"}, data=b'"Ada"')


def read(**settings: object) -> Keyring:
    keyring = keyring_from({f"JOBS_ENCRYPTION_{name}": str(value) for name, value in settings.items()})
    assert keyring is not None
    return keyring


def test_the_first_key_encrypts_and_each_decrypts() -> None:
    both, old = read(KEYS=f" 2026-11:{OTHER} , 2025-11:{KEY}"), read(KEYS=f"2025-11:{KEY}")

    made, kept = both.encrypt(PLAIN), old.encrypt(PLAIN)

    assert (key_id_of(made), key_id_of(kept)) == ("2026-11", "2025-11")
    assert b"Ada" not in made.SerializeToString()
    assert both.decrypt(made) == both.decrypt(kept) == both.decrypt(PLAIN) == PLAIN
    assert both.encrypt(PLAIN) != made, "a nonce is random"
    assert both.encrypt(kept) == kept, "nothing is encrypted twice"
    with pytest.raises(EncryptionKeyMissing, match="2026-11"):
        old.decrypt(made)
    assert repr(old) == "<Keyring 2025-11>"


def test_a_payload_that_was_tampered_with_is_not_decrypted() -> None:
    keys = Keyring({"k1": bytes(32)})
    made = keys.encrypt(PLAIN)
    for data in (made.data[:-1] + bytes([made.data[-1] ^ 1]), made.data[:5], b""):
        with pytest.raises(EncryptionKeyMissing):
            keys.decrypt(Payload(metadata=dict(made.metadata), data=data))


def test_keys_come_from_a_file_with_comments_too(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    new = new_key("2026-11")
    file.write_text(f"# made by jobs encryption new-key\n{new}  # since November\n\n2025-11:{KEY}\n")

    keys, decrypting = read(KEYS_FILE=file), read(KEYS_FILE=file, DECRYPT_ONLY="true")

    assert (keys.ids, keys.current) == (("2026-11", "2025-11"), "2026-11")
    assert describe(keys) == "2026-11 encrypts; keys to decrypt: 2026-11, 2025-11"
    assert decrypting.encrypt(PLAIN) == PLAIN
    assert describe(decrypting).startswith("nothing is encrypted (JOBS_ENCRYPTION_DECRYPT_ONLY)")


def test_without_keys_nothing_is_encrypted(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("\n")
    # An empty file and an empty variable are as good as none.
    for settings in ({}, {"KEYS": " "}, {"KEYS_FILE": tmp_path / "keys", "DECRYPT_ONLY": " "}):
        assert configured({f"JOBS_ENCRYPTION_{name}": str(value) for name, value in settings.items()}) is data_converter
    assert describe(None).startswith("off")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (KEY, "entry 1 is not of the form <id>:<base64 of 32 bytes>"),
        (f"k1:{KEY},{OTHER}", "entry 2 is not of the form"),
        (f"k1:{KEY[:-4]}", "entry 1 is not of the form"),
        (f"k1:{KEY}!", "entry 1 is not of the form"),
        (f"k1:{KEY},k1:{OTHER}", "the key 'k1' is there twice"),
        (f"k1:{KEY},", "entry 2 is not of the form"),
    ],
)
def test_a_wrong_entry_is_refused_without_being_shown(text: str, message: str) -> None:
    with pytest.raises(InvalidStart, match="JOBS_ENCRYPTION_KEYS") as wrong:
        read(KEYS=text)

    assert message in str(wrong.value)
    assert KEY[:12] not in str(wrong.value)
    assert OTHER[:12] not in str(wrong.value)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"KEYS_FILE": "none"}, "cannot be read"),
        # Or nothing would be encrypted, and it would not be noticed.
        ({"KEYS_FILE": "comments"}, "without a key"),
        ({"KEYS_FILE": "empty", "DECRYPT_ONLY": "true"}, "there is no key"),
        ({"KEYS_FILE": "empty", "DECRYPT_ONLY": "false"}, "there is no key"),
        ({"KEYS_FILE": "comments", "KEYS": f"k1:{KEY}"}, "not both"),
        ({"KEYS": f"k1:{KEY}", "DECRYPT_ONLY": "perhaps"}, "true or false"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(
    tmp_path: Path, settings: dict[str, str], message: str
) -> None:
    (tmp_path / "comments").write_text("# none yet\n")
    (tmp_path / "empty").touch()
    with pytest.raises(InvalidStart, match=message):
        read(**{name: tmp_path / value if name == "KEYS_FILE" else value for name, value in settings.items()})
