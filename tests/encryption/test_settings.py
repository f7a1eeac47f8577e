"""Keys are read from the environment or a file; what is wrong is told without a key."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from temporalio.api.common.v1 import Payload

from starter.encryption import configured, keyring_from, new_key
from starter.errors import InvalidStart
from workflows.data_converter import EncryptionKeyMissing, data_converter, key_id_of
from workflows.encryption import Keyring

KEY = base64.b64encode(bytes(range(32))).decode()
OTHER = base64.b64encode(bytes(range(1, 33))).decode()


def test_the_first_key_encrypts_and_each_decrypts() -> None:
    both = keyring_from({"JOBS_ENCRYPTION_KEYS": f" 2026-11:{OTHER} , 2025-11:{KEY}"})
    old = keyring_from({"JOBS_ENCRYPTION_KEYS": f"2025-11:{KEY}"})
    assert both is not None
    assert old is not None
    payload = Payload(metadata={"encoding": b"json/plain"}, data=b'"Ada"')

    made, kept = both.encrypt(payload), old.encrypt(payload)

    assert (key_id_of(made), key_id_of(kept)) == ("2026-11", "2025-11")
    assert b"Ada" not in made.SerializeToString()
    assert both.decrypt(made) == both.decrypt(kept) == payload
    # Random each time.
    assert both.encrypt(payload) != made
    with pytest.raises(EncryptionKeyMissing, match="2026-11"):
        old.decrypt(made)


def test_a_payload_that_was_tampered_with_is_not_decrypted() -> None:
    keys = Keyring({"k1": bytes(32)})
    made = keys.encrypt(Payload(metadata={"encoding": b"json/plain"}, data=b'"Ada"'))
    for data in (made.data[:-1] + bytes([made.data[-1] ^ 1]), made.data[:5], b""):
        with pytest.raises(EncryptionKeyMissing):
            keys.decrypt(Payload(metadata=dict(made.metadata), data=data))


def test_what_is_encrypted_stays_so_and_what_is_not_is_read() -> None:
    keys = Keyring({"k1": bytes(32)})
    plain = Payload(metadata={"encoding": b"json/plain"}, data=b"1")
    made = keys.encrypt(plain)

    assert keys.encrypt(made) == made
    assert keys.decrypt(plain) == plain


def test_keys_come_from_a_file_with_comments_too(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(f"# made by jobs encryption new-key\n2026-11:{OTHER}  # since November\n\n2025-11:{KEY}\n")

    keys = keyring_from({"JOBS_ENCRYPTION_KEYS_FILE": str(file)})

    assert keys is not None
    assert (keys.ids, keys.current) == (("2026-11", "2025-11"), "2026-11")
    decrypting = keyring_from({"JOBS_ENCRYPTION_KEYS_FILE": str(file), "JOBS_ENCRYPTION_DECRYPT_ONLY": "true"})
    assert decrypting is not None
    assert decrypting.current is None


def test_a_new_key_can_be_used_as_it_is() -> None:
    first, second = new_key("2026-11"), new_key("2026-11")

    assert first != second
    keys = keyring_from({"JOBS_ENCRYPTION_KEYS": first})
    assert keys is not None
    assert keys.ids == ("2026-11",)


def test_without_keys_nothing_is_encrypted() -> None:
    assert configured({}) is data_converter
    assert configured({"JOBS_ENCRYPTION_KEYS": " "}) is data_converter


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (KEY, "entry 1 is not of the form <id>:<base64 of 32 bytes>"),
        (f"k1:{KEY},{OTHER}", "entry 2 is not of the form"),
        (f"k1:{KEY[:-4]}", "the key 'k1' is not 32 bytes in base64"),
        (f"k1:{KEY}!", "the key 'k1' is not 32 bytes in base64"),
        (f"{KEY}:k1", "entry 1 is not of the form"),
        (f"k1:{KEY},k1:{OTHER}", "the key 'k1' is there twice"),
        (f"k1:{KEY},", "entry 2 is not of the form"),
    ],
)
def test_what_is_wrong_with_keys_is_told_without_them(text: str, told: str) -> None:
    with pytest.raises(InvalidStart, match="JOBS_ENCRYPTION_KEYS") as wrong:
        keyring_from({"JOBS_ENCRYPTION_KEYS": text})

    assert told in str(wrong.value)
    assert KEY[:12] not in str(wrong.value)
    assert OTHER[:12] not in str(wrong.value)


def test_a_file_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.write_text("# none yet\n")
    for settings, told in (
        ({"JOBS_ENCRYPTION_KEYS_FILE": str(tmp_path / "none")}, "cannot be read"),
        # Nothing would be encrypted, and nobody would know.
        ({"JOBS_ENCRYPTION_KEYS_FILE": str(empty)}, "without a key"),
        ({"JOBS_ENCRYPTION_KEYS_FILE": str(empty), "JOBS_ENCRYPTION_KEYS": f"k1:{KEY}"}, "not both"),
        ({"JOBS_ENCRYPTION_KEYS": f"k1:{KEY}", "JOBS_ENCRYPTION_DECRYPT_ONLY": "perhaps"}, "true or false"),
    ):
        with pytest.raises(InvalidStart, match=told):
            keyring_from(settings)


def test_a_file_with_nothing_in_it_is_as_good_as_none(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text("\n")

    assert keyring_from({"JOBS_ENCRYPTION_KEYS_FILE": str(file)}) is None
    # As `.env` hands it on where it is set to nothing.
    assert keyring_from({"JOBS_ENCRYPTION_KEYS_FILE": str(file), "JOBS_ENCRYPTION_DECRYPT_ONLY": " "}) is None


@pytest.mark.parametrize("said", ["true", "false"])
def test_whoever_says_what_a_key_is_for_and_has_none_is_refused(tmp_path: Path, said: str) -> None:
    """Or a key that was not made would leave everything in clear, and nobody would know."""
    file = tmp_path / "keys"
    file.touch()
    with pytest.raises(InvalidStart, match="there is no key: JOBS_ENCRYPTION_KEYS_FILE names an empty file") as empty:
        keyring_from({"JOBS_ENCRYPTION_KEYS_FILE": str(file), "JOBS_ENCRYPTION_DECRYPT_ONLY": said})
    with pytest.raises(InvalidStart, match="names none, nor is JOBS_ENCRYPTION_KEYS set"):
        configured({"JOBS_ENCRYPTION_DECRYPT_ONLY": said})

    assert "jobs encryption new-key" in str(empty.value)
    assert "take JOBS_ENCRYPTION_DECRYPT_ONLY away" in str(empty.value)


def test_keys_are_shown_by_their_ids_alone() -> None:
    keys = keyring_from({"JOBS_ENCRYPTION_KEYS": f"2025-11:{KEY}"})

    assert repr(keys) == "<Keyring 2025-11>"
