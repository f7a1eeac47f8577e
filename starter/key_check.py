"""Keeps a process from running without the encryption keys that jobs need."""

from __future__ import annotations

from domain.encryption_keys import WHERE, KeyStore, problem_of
from starter.encryption import keyring_from
from starter.errors import WrongKeys
from workflows.encryption import Keyring


class KeyCheck:
    """Compares the keys of this process with those that the database knows to be in use."""

    def __init__(self, store: KeyStore, keyring: Keyring | None) -> None:
        """`keyring`: of this process; None where it has no keys."""
        self._store = store
        self._checks = keyring.checks() if keyring else {}
        self._current = keyring.current if keyring else None
        self.refusal: WrongKeys | None = None
        """Why this process may not run, as `begin` has found."""

    @classmethod
    def configured(cls, store: KeyStore) -> KeyCheck:
        """With the keys of the environment. Raises InvalidStart."""
        return cls(store, keyring_from())

    async def look(self) -> str:
        """Tell of the keys. Raises WrongKeys, which says what to do, and the store's errors."""
        problem = problem_of(await self._store.all(), self._checks, self._current)
        if problem is not None:
            raise WrongKeys(problem)
        if not self._checks:
            return f"off (no keys in {WHERE})"
        others = [key_id for key_id in self._checks if key_id != self._current]
        told = f"{self._current} encrypts" if self._current else "nothing is encrypted (JOBS_ENCRYPTION_DECRYPT_ONLY)"
        return f"{told}; {', '.join(others)} decrypt{'s' if len(others) == 1 else ''}" if others else told

    async def register(self) -> str:
        """As `look`, and let the database know of the keys: the first one is in use from now on."""
        await self.look()
        for key_id, check in self._checks.items():
            await self._store.keep(key_id, check, encrypts=key_id == self._current)
        # Another process may have brought another key of the same id at this moment.
        return await self.look()

    async def begin(self) -> None:
        """As `register`, for those who wait for the database: what waiting does not mend is left in `refusal`."""
        try:
            await self.register()
        except WrongKeys as exc:
            self.refusal = exc
