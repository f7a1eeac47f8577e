from dataclasses import replace

import pytest

from adapters.email.formatting import formats_for
from adapters.email.templates import JinjaMailTemplates
from adapters.email.wording import COLUMNS, RIGHT_TO_LEFT_MARK, columns
from domain.mail import MailContent
from domain.report_generation import OFFERED
from domain.report_ports import Member
from domain.reports import Report
from tests.adapters.email.test_templates import Page, without_spaces_and_marks
from tests.fakes_report_mail import ADA, EXPIRES, a_finished_report

TEMPLATES = JinjaMailTemplates("Corner Shop")
LOCALES = ["en_GB", "de_DE", "fr_FR", "es_ES", "it_IT", "ja_JP", "ar_KW", "he_IL"]
LINK = "https://jobs.example.com/downloads/eyJhIjoiYiJ9.Z-x_1~" + "x" * 80 + "?a=b&c=d"


def mail(member: Member = ADA, report: Report | None = None) -> MailContent:
    data = {"member": member, "report": report or a_finished_report(), "link": LINK, "expires_at": EXPIRES}
    return TEMPLATES.render("report-ready", locale=member.locale, data=data)


def test_a_report_is_told_with_its_link_and_how_long_that_works() -> None:
    content = mail()
    assert content.subject == "Your Corner Shop report is ready: sales-summary-2026-10.pdf"
    assert content.text == (
        "Corner Shop\n\n"
        "Hello Ada Lovelace,\n\n"
        "The report “Sales summary” for the period 2026-10 is ready. You can download\n"
        "it here:\n\n"
        f"{LINK}\n\n"
        "The link works until 1 December 2026, 13:30 (Europe/Zurich). Whoever has the\n"
        "link can download the file, so please don't pass it on.\n\n"
        "File: sales-summary-2026-10.pdf\n"
        "Period: 2026-10\n"
        "Time zone: Europe/Zurich\n"
        "Size: 48.2 kB\n\n"
        "Has the link stopped working? Ask for the report again, and you will get a new\n"
        "one.\n\n"
        "--------\n"
        "This message was sent to you by Corner Shop.\n"
    )


@pytest.mark.parametrize("locale", LOCALES)
def test_mails_about_reports_are_whole_in_every_language(locale: str) -> None:
    content = mail(replace(ADA, locale=locale))
    page = Page(content.html)

    assert (content.subject == mail().subject) == (locale == "en_GB")
    assert "sales-summary-2026-10.pdf" in content.subject
    assert f'<html lang="{locale.replace("_", "-")}" ' in content.html
    size = without_spaces_and_marks(formats_for(locale).file_size(48_213))
    for fact in ("sales-summary-2026-10.pdf", "Europe/Zurich", "2026-10", "AdaLovelace", size):
        assert fact in without_spaces_and_marks(content.text)
        assert fact in without_spaces_and_marks(page.text)
    assert page.elements.count("a") == 1
    assert ("href", LINK) in page.attributes
    right_to_left = locale in ("ar_KW", "he_IL")
    assert ('dir="rtl"' in content.html) == right_to_left
    # The link is a line by itself, with nothing after it that could be taken as a part of it.
    mark = RIGHT_TO_LEFT_MARK if right_to_left else ""
    assert f"\n{mark}{LINK}\n" in content.text
    lines = [line for line in content.text.splitlines() if LINK not in line]
    assert max(columns(line) for line in lines) <= COLUMNS
    assert all(line.startswith(mark) for line in lines if line)


@pytest.mark.parametrize(("report", "format_"), [(name, min(formats)) for name, formats in OFFERED.items()])
@pytest.mark.parametrize("locale", LOCALES)
def test_every_report_has_a_name_in_every_language(report: str, format_: str, locale: str) -> None:
    content = mail(replace(ADA, locale=locale), a_finished_report(report=report, format=format_))
    assert f"{report}-2026-10.{format_}" in content.text
    assert "name_" not in content.text + content.html


def test_somebody_without_a_name_is_greeted() -> None:
    content = mail(replace(ADA, name=" "))
    assert "\nHello,\n" in content.text
    assert ">Hello,<" in content.html


@pytest.mark.parametrize(
    ("locale", "size", "written"),
    [
        ("en_GB", 4, "0.1 kB"),
        ("en_GB", 999_949, "999.9 kB"),
        ("de_DE", 4_711_000, "4,7 MB"),
        ("fr_FR", 4_711_000, "4,7\u202fMo"),
        ("en_GB", 12_345_678_901_234, "12,345.7 GB"),
    ],
)
def test_sizes_are_written_as_people_do(locale: str, size: int, written: str) -> None:
    assert formats_for(locale).file_size(size) == written
