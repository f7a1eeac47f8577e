import json
from pathlib import Path

import pytest

from adapters.email.catalogs import load_catalogs
from adapters.email.templates import JinjaMailTemplates
from domain.errors import InvalidRequest

CONTENT = Path(__file__).parents[3] / "adapters" / "email" / "content"
MESSAGE_FOLDERS = sorted(CONTENT.glob("*/messages"))


def write_messages(folder: Path, **catalogs: dict[str, str]) -> Path:
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


def test_a_catalog_that_lacks_a_message_is_refused_by_name(tmp_path: Path) -> None:
    write_messages(tmp_path, en={"greeting": "Hello", "total": "Total"}, fr={"total": "Total"})
    with pytest.raises(ValueError, match=r"fr\.json and en\.json differ in \['greeting'\]"):
        load_catalogs(tmp_path)


def test_a_translation_with_another_placeholder_is_refused_by_name(tmp_path: Path) -> None:
    write_messages(tmp_path, en={"greeting": "Hello {name}"}, fr={"greeting": "Bonjour {nom}"})
    with pytest.raises(ValueError, match=r"'greeting' in fr\.json"):
        load_catalogs(tmp_path)


def test_a_mail_without_english_messages_is_refused(tmp_path: Path) -> None:
    write_messages(tmp_path, fr={"greeting": "Bonjour"})
    with pytest.raises(ValueError, match=r"en\.json is missing"):
        load_catalogs(tmp_path)


def test_a_catalog_that_is_not_an_object_of_texts_is_refused(tmp_path: Path) -> None:
    (tmp_path / "en.json").write_text('{"greeting": 1}', encoding="utf-8")
    with pytest.raises(ValueError, match="object of texts"):
        load_catalogs(tmp_path)


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


def test_a_mail_that_lacks_a_part_is_refused(tmp_path: Path) -> None:
    (write_mail(tmp_path) / "parcel-sent" / "body.txt.j2").unlink()
    with pytest.raises(ValueError, match=r"'parcel-sent' lacks body\.txt\.j2"):
        JinjaMailTemplates("Corner Shop", folders=[tmp_path])


def test_two_mails_with_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="two mails are called 'order-confirmation'"):
        JinjaMailTemplates("Corner Shop", folders=[write_mail(tmp_path, "order-confirmation")])


def test_an_unknown_template_is_a_permanent_error_that_names_the_known_ones() -> None:
    with pytest.raises(InvalidRequest, match="'order-cancelled'; there are order-confirmation"):
        JinjaMailTemplates("Corner Shop").render("order-cancelled", locale="en", data={})


def test_data_that_lacks_what_the_template_names_is_a_permanent_error() -> None:
    with pytest.raises(InvalidRequest, match="'order' is undefined"):
        JinjaMailTemplates("Corner Shop").render("order-confirmation", locale="en", data={})


def test_a_message_that_the_catalog_lacks_is_a_permanent_error(tmp_path: Path) -> None:
    templates = JinjaMailTemplates("Corner Shop", folders=[write_mail(tmp_path, text='{{ t("arrived") }}')])
    with pytest.raises(InvalidRequest, match="'arrived'"):
        templates.render("parcel-sent", locale="en", data={"number": 7})


def test_data_can_not_take_the_name_of_what_templates_are_given(tmp_path: Path) -> None:
    templates = JinjaMailTemplates("Corner Shop", folders=[write_mail(tmp_path)])
    with pytest.raises(InvalidRequest, match="money"):
        templates.render("parcel-sent", locale="en", data={"number": 7, "money": 5})
