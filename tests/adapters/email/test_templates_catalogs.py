import json
from pathlib import Path
from typing import Any

import pytest

from adapters.email.templates import JinjaMailTemplates, load_catalogs
from domain.errors import InvalidRequest

CONTENT = Path(__file__).parents[3] / "adapters" / "email" / "content"
MESSAGE_FOLDERS = sorted(CONTENT.glob("*/messages"))


def write_messages(folder: Path, **catalogs: dict[str, Any]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for language, messages in catalogs.items():
        (folder / f"{language}.json").write_text(json.dumps(messages), encoding="utf-8")
    return folder


def write_mail(place: Path, name: str = "parcel-sent", text: str = '{{ t("sent", number=number) }}') -> Path:
    write_messages(
        place / name / "messages",
        en={"sent": "Parcel {number} is on its way"},
        de={"sent": "Paket {number} ist unterwegs"},
    )
    (place / name / "subject.txt.j2").write_text('{{ t("sent", number=number) }}', encoding="utf-8")
    (place / name / "body.txt.j2").write_text(text, encoding="utf-8")
    (place / name / "body.html.j2").write_text(
        '{% extends "layout/base.html.j2" %}{% block content %}<tr><td>{{ own(number) }}</td></tr>{% endblock %}',
        encoding="utf-8",
    )
    return place


@pytest.mark.parametrize("folder", MESSAGE_FOLDERS, ids=lambda folder: folder.parent.name)
def test_all_catalogs_agree_and_no_message_is_empty(folder: Path) -> None:
    catalogs = load_catalogs(folder)
    assert catalogs.keys() == {"ar", "de", "en", "es", "fr", "he", "it", "ja"}
    assert all(message.strip() for messages in catalogs.values() for message in messages.values())


@pytest.mark.parametrize(
    ("catalogs", "says"),
    [
        (
            {"en": {"hi": "Hello", "total": "Total"}, "fr": {"total": "Total"}},
            r"fr\.json and en\.json differ in \['hi'\]",
        ),
        ({"en": {"hi": "Hello {name}"}, "fr": {"hi": "Bonjour {nom}"}}, r"'hi' in fr\.json"),
        ({"fr": {"hi": "Bonjour"}}, r"en\.json is missing"),
        ({"en": {"hi": 1}}, "object of texts"),
    ],
)
def test_catalogs_that_do_not_fit_english_are_refused(tmp_path: Path, catalogs: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        load_catalogs(write_messages(tmp_path, **catalogs))


def test_a_new_kind_of_mail_is_a_new_folder(tmp_path: Path) -> None:
    templates = JinjaMailTemplates("Corner Shop", folders=[write_mail(tmp_path)])

    content = templates.render("parcel-sent", locale="de_AT", data={"number": 7})

    assert content.subject == "Paket 7 ist unterwegs"
    assert content.text == "Paket 7 ist unterwegs\n"
    assert '<html lang="de-AT" dir="ltr"' in content.html


def test_a_mail_not_translated_into_the_language_is_english_throughout(tmp_path: Path) -> None:
    templates = JinjaMailTemplates("Corner Shop", folders=[write_mail(tmp_path)])

    content = templates.render("parcel-sent", locale="ar_KW", data={"number": 7})

    assert content.subject == "Parcel 7 is on its way"
    assert '<html lang="en" dir="ltr"' in content.html
    assert "This message was sent to you by Corner Shop." in content.html


def test_a_mail_in_a_language_that_the_layout_lacks_is_refused(tmp_path: Path) -> None:
    write_mail(tmp_path)
    write_messages(tmp_path / "parcel-sent" / "messages", eo={"sent": "Pakaĵo {number} survoje"})
    with pytest.raises(ValueError, match="layout has no messages in 'eo'"):
        JinjaMailTemplates("Corner Shop", folders=[tmp_path])


def test_a_message_with_the_name_of_one_of_the_layout_is_refused(tmp_path: Path) -> None:
    write_mail(tmp_path)
    for language in ("en", "de"):
        write_messages(tmp_path / "parcel-sent" / "messages", **{language: {"sent_by": "{number}"}})
    with pytest.raises(ValueError, match=r"\['sent_by'\]"):
        JinjaMailTemplates("Corner Shop", folders=[tmp_path])


def test_a_mail_that_lacks_a_part_or_has_the_name_of_another_is_refused(tmp_path: Path) -> None:
    (write_mail(tmp_path / "one") / "parcel-sent" / "body.txt.j2").unlink()
    write_mail(tmp_path / "other", "order-confirmation")
    for folder, says in (("one", r"'parcel-sent' lacks body\.txt\.j2"), ("other", "two mails are called")):
        with pytest.raises(ValueError, match=says):
            JinjaMailTemplates("Corner Shop", folders=[tmp_path / folder])


@pytest.mark.parametrize(
    ("template", "text", "data", "says"),
    [
        ("order-cancelled", "", {}, "'order-cancelled'; there are order-confirmation"),
        ("order-confirmation", "", {}, "'order' is undefined"),
        ("parcel-sent", '{{ t("arrived") }}', {"number": 7}, "'arrived'"),
        ("parcel-sent", "", {"number": 7, "money": 5}, "money"),
    ],
)
def test_a_template_or_a_value_that_is_missing_or_reserved_is_a_permanent_error(
    tmp_path: Path, template: str, text: str, data: dict[str, int], says: str
) -> None:
    templates = JinjaMailTemplates("Corner Shop", folders=[write_mail(tmp_path, text=text)])
    with pytest.raises(InvalidRequest, match=says):
        templates.render(template, locale="en", data=data)
