"""Mails from templates: a folder a mail in `content/`, with a subject, a text, an HTML part and its messages.

A new mail is a new folder, whose name is the template's:

    content/order-confirmation/subject.txt.j2
    content/order-confirmation/body.txt.j2
    content/order-confirmation/body.html.j2
    content/order-confirmation/messages/en.json      (de.json, ja.json …)

Templates see the data they are given, and: `shop`; `t(key, name=value)`, a message of the catalog; `own(text)`, which
sets a text that someone typed apart from the text around it; `lines(text)`; `money(units, currency)`; `numeral(n)`;
`date(moment)`; `date_time(moment, zone)`; `file_size(bytes)`; `lang`, `dir`, `start` and `end` (left and right, or the
other way round). HTML also sees `subject`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, tzinfo
from functools import lru_cache, partial
from pathlib import Path
from string import Formatter
from typing import Any
from zoneinfo import ZoneInfo

from babel import Locale
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template, UndefinedError, select_autoescape
from markupsafe import Markup, escape

from adapters.email import wording
from adapters.email.formatting import formats_for
from domain.errors import InvalidRequest
from domain.mail import MailContent

_CONTENT = Path(__file__).parent / "content"
_LAYOUT = "layout"
_PARTS = ("subject.txt.j2", "body.txt.j2", "body.html.j2")

SOURCE_LANGUAGE = "en"

Catalogs = Mapping[str, Mapping[str, str]]
"""Language → key → message, in which `{name}` stands for a value."""


@dataclass(frozen=True)
class _MailTemplate:
    subject: Template
    text: Template
    html: Template
    catalogs: Catalogs


@dataclass(frozen=True)
class _Reader:
    """What depends on the reader's locale, and not on the mail's data."""

    right_to_left: bool
    text_context: dict[str, Any]
    html_context: dict[str, Any]


class JinjaMailTemplates:
    """Renders mails in the reader's language, or else in English; amounts and dates always as in the reader's locale.

    All templates are compiled and all catalogs checked when this is made. `zone` is the time zone of dates in mails;
    `folders` hold further mails, laid out as in `content/`. Raises ValueError where a file is missing, a translation
    does not match English, or two mails have the same name.
    """

    def __init__(self, shop_name: str, *, zone: tzinfo = UTC, folders: Iterable[Path] = ()) -> None:
        self._shop_name = shop_name
        self._zone = zone
        places = [_CONTENT, *folders]
        environment = Environment(
            loader=FileSystemLoader(places),
            autoescape=select_autoescape(enabled_extensions=("html.j2",), default=False),
            undefined=StrictUndefined,
            finalize=_finalize,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
            cache_size=-1,
        )
        shared = load_catalogs(_CONTENT / _LAYOUT / "messages")
        self._mails: dict[str, _MailTemplate] = {}
        for folder in (folder for place in places for folder in sorted(place.iterdir()) if folder.is_dir()):
            if folder.name == _LAYOUT or folder.name.startswith((".", "_")):
                continue
            if folder.name in self._mails:
                raise ValueError(f"two mails are called {folder.name!r}")
            self._mails[folder.name] = _load(folder, environment, shared)
        # Bounded, since locales come from data.
        self._reader = lru_cache(maxsize=1024)(self._make_reader)

    def render(self, template: str, *, locale: str, data: dict[str, Any]) -> MailContent:
        """Render subject, text and HTML of a template in the reader's locale.

        An unknown locale is read as the nearest known one. Raises `InvalidRequest` where there is no such template,
        where the data lacks something that it names, or has a name that templates know as something else.
        """
        mail = self._mails.get(template)
        if mail is None:
            raise InvalidRequest(f"There is no mail template {template!r}; there are {', '.join(sorted(self._mails))}.")
        reader = self._reader(template, locale)
        if clashing := data.keys() & reader.html_context.keys():
            raise InvalidRequest(f"Mail template {template!r}: {sorted(clashing)} can't be names of data.")
        try:
            subject = wording.one_line(wording.without_isolates(mail.subject.render(reader.text_context, **data)))
            text = mail.text.render(reader.text_context, **data)
            html = mail.html.render(reader.html_context | {"subject": subject}, **data)
        except UndefinedError as exc:
            raise InvalidRequest(f"Mail template {template!r}: {exc.message}.") from exc
        return MailContent(
            subject=subject,
            text=wording.tidy(text, right_to_left=reader.right_to_left),
            html=html,
        )

    def _make_reader(self, template: str, identifier: str) -> _Reader:
        catalogs = self._mails[template].catalogs
        formats = formats_for(identifier)
        locale = formats.locale
        language = next((name for name in (str(locale), locale.language) if name in catalogs), SOURCE_LANGUAGE)
        right_to_left = Locale.parse(language).text_direction == "rtl"
        messages = catalogs[language]
        own_text = partial(_own_text, right_to_left=right_to_left)
        own_html = partial(_own_html, right_to_left=right_to_left)
        both: dict[str, Any] = {
            "shop": self._shop_name,
            "money": formats.money,
            "numeral": formats.number,
            "date": partial(formats.date, zone=self._zone),
            "date_time": lambda moment, zone: formats.date_time(moment, ZoneInfo(zone)),
            "file_size": formats.file_size,
            "lines": _lines,
            # A French mail to Canada is fr-CA; an English one to Sweden is plainly English.
            "lang": (str(locale) if locale.language == language.partition("_")[0] else language).replace("_", "-"),
            "dir": "rtl" if right_to_left else "ltr",
            "start": "right" if right_to_left else "left",
            "end": "left" if right_to_left else "right",
        }
        escaped = {key: str(escape(message)) for key, message in messages.items()}
        return _Reader(
            right_to_left=right_to_left,
            text_context=both | {"own": own_text, "t": _translator(messages, own_text, str)},
            html_context=both | {"own": own_html, "t": _translator(escaped, own_html, Markup), "subject": ""},
        )


def _load(folder: Path, environment: Environment, shared: Catalogs) -> _MailTemplate:
    if missing := [part for part in _PARTS if not (folder / part).is_file()]:
        raise ValueError(f"mail {folder.name!r} lacks {', '.join(missing)}")
    subject, text, html = (environment.get_template(f"{folder.name}/{part}") for part in _PARTS)
    return _MailTemplate(subject, text, html, _merged(shared, load_catalogs(folder / "messages")))


def _finalize(value: object) -> object:
    """Clean every value that a template prints, whether or not its author thought of it."""
    return wording.clean(value) if type(value) is str else value


def _own_text(value: object, *, right_to_left: bool) -> str:
    typed = wording.without_isolates(wording.one_line(str(value)))
    if typed and (right_to_left or wording.reads_right_to_left(typed)):
        return f"{wording.FIRST_STRONG_ISOLATE}{typed}{wording.POP_ISOLATE}"
    return typed


def _own_html(value: object, *, right_to_left: bool) -> Markup:
    if isinstance(value, Markup):
        return value  # a message, escaped already
    # `dir` rather than <bdi>, which mail programs that filter HTML by element don't all know.
    typed = wording.without_isolates(wording.one_line(str(value)))
    if typed and (right_to_left or wording.reads_right_to_left(typed)):
        return Markup('<span dir="auto">{}</span>').format(typed)
    return escape(typed)


def _lines(text: str) -> list[str]:
    return wording.clean(text).strip().split("\n")


def _translator(
    messages: Mapping[str, str], own: Callable[[object], str], kind: Callable[[str], str]
) -> Callable[..., str]:
    def translate(key: str, **values: object) -> str:
        try:
            return kind(messages[key].format(**{name: own(value) for name, value in values.items()}))
        except KeyError as exc:
            raise UndefinedError(f"message {key!r}, or a value that it needs, is missing") from exc

    return translate


def load_catalogs(folder: Path) -> Catalogs:
    """Load `<language>.json` of a folder.

    Raises ValueError where English is missing, or a translation has other keys or placeholders than English.
    """
    catalogs = {path.stem: _messages(path) for path in sorted(folder.glob("*.json"))}
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


def _merged(shared: Catalogs, own: Catalogs) -> Catalogs:
    """Join the layout's messages with a mail's, in the languages of the mail.

    Raises ValueError where the layout lacks one of these languages, or both have the same key.
    """
    for language, messages in own.items():
        if language not in shared:
            raise ValueError(f"the layout has no messages in {language!r}")
        if clashing := shared[language].keys() & messages.keys():
            raise ValueError(f"the layout has messages called {sorted(clashing)}, too")
    return {language: {**shared[language], **messages} for language, messages in own.items()}


def _messages(path: Path) -> dict[str, str]:
    messages = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(messages, dict) or not all(isinstance(message, str) for message in messages.values()):
        raise ValueError(f"{path}: expected an object of texts")
    return messages


def _placeholders(message: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(message) if name is not None}
