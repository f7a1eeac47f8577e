"""Encrypts what history holds: AES-256-GCM under one of several keys.

A payload that is encrypted has the encoding `binary/encrypted` and the key's id in its metadata; its data is a random
nonce of 12 bytes and the ciphertext of the whole payload. Temporal's own examples for Go, Java, TypeScript and Python
write the same, so that workers in other languages can read it.

A missing or wrong key fails the task that met it, never the job: a worker that has the key takes the task later.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from google.protobuf.message import DecodeError
from temporalio.api.common.v1 import Payload
from temporalio.converter import DataConverter, PayloadCodec

from workflows.data_converter import ENCRYPTED, KEY_ID, EncodedFailureConverter, key_id_of, lacking

KEY_LENGTH = 32
"""Bytes: AES-256."""
_NONCE = 12
"""Bytes: what GCM is made for."""


class Keyring:
    """Keys by their ids. The first encrypts, each decrypts. Shows no key, not even in its repr."""

    def __init__(self, keys: Mapping[str, bytes], *, encrypts: bool = True) -> None:
        """`keys` are 32 bytes each, one at least. Without `encrypts` nothing is encrypted any more, or not yet.

        Raises ValueError for a key of another length, or for none.
        """
        if not keys or any(len(key) != KEY_LENGTH for key in keys.values()):
            raise ValueError(f"give one or more keys of {KEY_LENGTH} bytes each")
        self._keys = dict(keys)
        self._ciphers = {key_id: AESGCM(key) for key_id, key in keys.items()}
        self.current = next(iter(keys)) if encrypts else None
        """Id of the key that encrypts; None where none does."""

    def __repr__(self) -> str:
        return f"<Keyring {', '.join(self.ids)}>"

    @property
    def ids(self) -> tuple[str, ...]:
        """Ids of all keys, the first one first."""
        return tuple(self._keys)

    def derive(self, purpose: bytes) -> list[bytes]:
        """Further secrets, one of each key, the first key's first."""
        return [
            HKDF(algorithm=SHA256(), length=KEY_LENGTH, salt=None, info=purpose).derive(key)
            for key in self._keys.values()
        ]

    def encrypt(self, payload: Payload) -> Payload:
        """Under the first key; what is encrypted already stays, and all of it where nothing is encrypted."""
        if self.current is None or key_id_of(payload) is not None:
            return payload
        nonce = os.urandom(_NONCE)
        data = nonce + self._ciphers[self.current].encrypt(nonce, payload.SerializeToString(), None)
        return Payload(metadata={"encoding": ENCRYPTED, KEY_ID: self.current.encode()}, data=data)

    def decrypt(self, payload: Payload) -> Payload:
        """Under the key that it names; what isn't encrypted stays. Raises EncryptionKeyMissing."""
        key_id = key_id_of(payload)
        if key_id is None:
            return payload
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            raise lacking(f"The encryption key {key_id!r} is not among the keys here.")
        try:
            # Out of the handler: the errors of the library say nothing, and neither does their chain.
            plain = cipher.decrypt(payload.data[:_NONCE], payload.data[_NONCE:], None)
            return Payload.FromString(plain)
        except (InvalidTag, ValueError, DecodeError):
            pass
        raise lacking(f"The encryption key {key_id!r} here is another one than that which encrypted this.")


class EncryptionCodec(PayloadCodec):
    """For a data converter."""

    def __init__(self, keyring: Keyring) -> None:
        self.keyring = keyring

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """See `temporalio.converter.PayloadCodec`. Takes some ten microseconds a payload: no thread of its own."""
        return [self.keyring.encrypt(payload) for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """See `temporalio.converter.PayloadCodec`. Raises EncryptionKeyMissing."""
        return [self.keyring.decrypt(payload) for payload in payloads]


def encrypting(converter: DataConverter, keyring: Keyring) -> DataConverter:
    """The converter, with its payloads and the texts of failures encrypted."""
    return replace(converter, payload_codec=EncryptionCodec(keyring), failure_converter_class=EncodedFailureConverter)
