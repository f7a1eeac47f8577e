"""Messages of mails in the languages of their readers: one JSON file a language, English the source."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from string import Formatter

SOURCE_LANGUAGE = "en"

Catalogs = Mapping[str, Mapping[str, str]]
"""Language → key → message, in which `{name}` stands for a value."""


def load_catalogs(folder: Path) -> Catalogs:
    """Load `<language>.json` of a folder.

    Raises ValueError where English is missing, or a translation has other keys or placeholders than English.
    """
    catalogs = {path.stem: _load(path) for path in sorted(folder.glob("*.json"))}
    if SOURCE_LANGUAGE not in catalogs:
        raise ValueError(f"{folder}: {SOURCE_LANGUAGE}.json is missing")
    source = catalogs[SOURCE_LANGUAGE]
    for language, messages in catalogs.items():
        if differing := source.keys() ^ messages.keys():
            raise ValueError(f"{folder}: {language}.json and {SOURCE_LANGUAGE}.json differ in {sorted(differing)}")
        for key, message in messages.items():
            if _placeholders(message) != _placeholders(source[key]):
                raise ValueError(f"{folder}: {key!r} in {language}.json has other placeholders than in English")
    return catalogs


def merged(shared: Catalogs, own: Catalogs) -> Catalogs:
    """Join the layout's messages with a mail's, in the languages of the mail.

    Raises ValueError where the layout lacks one of these languages, or both have the same key.
    """
    for language, messages in own.items():
        if language not in shared:
            raise ValueError(f"the layout has no messages in {language!r}")
        if clashing := shared[language].keys() & messages.keys():
            raise ValueError(f"the layout has messages called {sorted(clashing)}, too")
    return {language: {**shared[language], **messages} for language, messages in own.items()}


def _load(path: Path) -> dict[str, str]:
    messages = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(messages, dict) or not all(isinstance(message, str) for message in messages.values()):
        raise ValueError(f"{path}: expected an object of texts")
    return messages


def _placeholders(message: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(message) if name is not None}
