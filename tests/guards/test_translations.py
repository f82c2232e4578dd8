"""Whatever a patient may read stands in Spanish too, and the compiled catalogue is fresh."""

import re
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils import translation
from django.utils.translation import gettext

from config import catalogue
from config.catalogue import Sentence
from config.management.commands import translations

HOLES = re.compile(r"%\(\w+\)[sd]|\{\w+\}|</?\w+")


def test_nothing_a_patient_may_read_is_without_spanish() -> None:
    call_command("translations", "--check")


def keeps_its_holes(sentence: str, spanish: str) -> bool:
    return sorted(HOLES.findall(sentence)) == sorted(HOLES.findall(spanish))


def test_spanish_keeps_every_hole_and_tag() -> None:
    """A translation that loses a name or a link would say something else, or fail on the page."""
    for sentence, entry in translations.kept().items():
        if not sentence.plural:
            assert keeps_its_holes(entry.msgid, entry.msgstr), entry.msgid


@pytest.mark.parametrize(
    ("sentence", "spanish"),
    [("Hello %(name)s", "Hola %(nombre)s"), ("Hello %(name)s", "Hola"), ("<b>Now</b>", "Ahora")],
)
def test_a_lost_hole_or_tag_is_noticed(sentence: str, spanish: str) -> None:
    assert not keeps_its_holes(sentence, spanish)


def test_pages_speak_it() -> None:
    with translation.override("es"):
        assert gettext("Who saw my record") == "Quién vio mi expediente"


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('{% load i18n %}{% trans "One" %}', {Sentence("One")}),
        (
            '{% load i18n %}{% if a %}{% translate "Two" context "of three" %}{% endif %}',
            {Sentence("Two", context="of three")},
        ),
        ("{% load i18n %}{% blocktrans %}Hello {{ name }}{% endblocktrans %}", {Sentence("Hello %(name)s")}),
        (
            "{% load i18n %}{% blocktrans count n=n %}One{% plural %}{{ n }} more{% endblocktrans %}",
            {Sentence("One", plural="%(n)s more")},
        ),
        (
            '{% load look %}{% card _("Orders") %}{% load i18n %}{% trans "Inside" %}{% endcard %}',
            {Sentence("Orders"), Sentence("Inside")},
        ),
    ],
)
def test_sentences_of_templates_are_found(source: str, found: set[Sentence]) -> None:
    assert set(catalogue.in_template(source)) == found


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('_("One")', Sentence("One")),
        ('gettext_lazy("Two " "parts")', Sentence("Two parts")),
        ('ngettext("one", "many", n)', Sentence("one", plural="many")),
        ('pgettext("month", "May")', Sentence("May", context="month")),
    ],
)
def test_sentences_of_code_are_found(source: str, found: Sentence) -> None:
    assert list(catalogue.in_module(source)) == [found]


def test_a_planted_sentence_fails_the_check(monkeypatch: pytest.MonkeyPatch) -> None:
    planted = {Sentence("Nobody translated this"): ["templates/portal/x.html"]}
    monkeypatch.setattr(catalogue, "sentences", lambda: planted)
    with pytest.raises(CommandError, match=r"x\.html: no Spanish for 'Nobody translated this'"):
        call_command("translations", "--check")


def test_a_stale_compilation_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    changed = tmp_path / "django.po"
    changed.write_text(catalogue.SOURCE.read_text().replace("Quién vio mi expediente", "Otra cosa", 1))
    monkeypatch.setattr(catalogue, "SOURCE", changed)
    assert translations.stale() != []
