"""Dates, money and sizes as a person says them, and the pieces every page is made of."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
import time_machine
from django import forms
from django.core.paginator import Paginator
from django.template import Context, Template, TemplateSyntaxError
from django.test import RequestFactory
from django.utils import timezone, translation

from config.templatetags import look

# Tuesday, 5 pm in Chicago.
NOW = datetime(2026, 3, 3, 23, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def tuesday() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


def drawn(source: str, **shown: object) -> str:
    return Template("{% load i18n look %}" + source).render(Context(shown))


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (NOW, "just now"),
        (NOW - timedelta(minutes=1), "1 minute ago"),
        (NOW - timedelta(minutes=59), "59 minutes ago"),
        (NOW - timedelta(hours=2), "today, 3 pm"),
        (NOW - timedelta(hours=2, minutes=5), "today, 2:55 pm"),
        (NOW - timedelta(days=1), "yesterday, 5 pm"),
        (NOW + timedelta(days=1, hours=-6), "tomorrow, 11 am"),
        (NOW + timedelta(hours=8), "tomorrow, 1 am"),
        (datetime(2026, 3, 10, 17, 0, tzinfo=UTC), "Tue 10 Mar, 12 pm"),
        (datetime(2025, 12, 31, 6, 0, tzinfo=UTC), "Wed 31 Dec 2025, 12 am"),
        (date(2026, 3, 3), "today"),
        (date(2027, 1, 1), "Fri 1 Jan 2027"),
    ],
)
def test_when_is_said_as_a_person_says_it(value: datetime, said: str) -> None:
    """In the supplier's zone where nobody named another; the day is that zone's, not the server's."""
    assert look.say_when(value) == said


def test_a_patient_reads_it_in_their_own_zone() -> None:
    assert look.say_when(NOW - timedelta(hours=2), "America/New_York") == "today, 4 pm"
    with timezone.override("Pacific/Honolulu"):
        assert look.say_when(NOW - timedelta(hours=2)) == "today, 11 am"


def test_when_in_spanish() -> None:
    with translation.override("es"):
        assert look.say_when(datetime(2026, 3, 10, 22, 0, tzinfo=UTC)) == "martes 10 de marzo, 5 pm"
        assert look.say_when(NOW - timedelta(minutes=5)) == "hace 5 minutos"


def test_when_keeps_the_exact_moment_for_machines() -> None:
    assert drawn("{{ at|when }}", at=NOW) == '<time datetime="2026-03-03T23:00:00+00:00">just now</time>'
    assert drawn("{{ at|when }}", at=None) == ""


@pytest.mark.parametrize(
    ("value", "said"),
    [(Decimal("1234.5"), "$1,234.50"), (Decimal("-20"), "-$20.00"), (0, "$0.00"), (None, "")],
)
def test_money(value: Decimal | None, said: str) -> None:
    assert look.money(value) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (40, "40 s"),
        (7500, "2 h 5 min"),
        (timedelta(days=3, hours=4, minutes=9), "3 d 4 h"),
        (0, "0 s"),
        (None, ""),
    ],
)
def test_lasting(value: int | None, said: str) -> None:
    assert look.lasting(value) == said


@pytest.mark.parametrize(
    ("value", "said"), [(1, "1 KB"), (640_000, "640 KB"), (2_400_000, "2.4 MB"), (None, "")]
)
def test_size(value: int | None, said: str) -> None:
    assert look.size(value) == said


def test_an_icon_is_silent_without_a_label_and_speaks_with_one() -> None:
    assert 'aria-hidden="true"' in drawn('{% icon "truck" %}')
    spoken = drawn('{% icon "truck" label=name %}', name='Shipped"><script>')
    assert 'role="img"' in spoken
    assert "<script>" not in spoken


def test_a_chip_escapes_its_words_and_knows_its_tones() -> None:
    assert "&lt;b&gt;" in drawn("{% chip text %}", text="<b>")
    with pytest.raises(TemplateSyntaxError):
        drawn('{% chip "x" "purple" %}')


class Ask(forms.Form):
    phone = forms.CharField(label="Phone", help_text="With area code")
    way = forms.ChoiceField(label="Way", choices=[("sms", "Text")], widget=forms.RadioSelect, required=False)
    agree = forms.BooleanField(label="Agree", required=False)


def test_a_field_ties_label_help_and_error_to_its_input() -> None:
    html = drawn("{% field form.phone autocomplete='tel' %}", form=Ask({}))
    assert '<label for="id_phone">Phone' in html
    assert 'aria-describedby="id_phone_helptext id_phone_error"' in html
    assert 'id="id_phone_helptext"' in html
    assert 'id="id_phone_error"' in html
    assert 'aria-invalid="true"' in html
    assert 'autocomplete="tel"' in html


def test_choices_stand_in_a_fieldset_and_a_check_beside_its_words() -> None:
    assert "<fieldset" in drawn("{% field form.way %}", form=Ask())
    assert '<label class="check" for="id_agree">' in drawn("{% field form.agree %}", form=Ask())


def test_pages_keep_the_rest_of_the_query() -> None:
    request = RequestFactory().get("/orders/?state=open&page=2")
    html = drawn("{% pages page %}", page=Paginator(range(50), 10).page(2), request=request)
    assert 'href="?state=open&amp;page=1"' in html
    assert 'href="?state=open&amp;page=3"' in html
    assert "Page 2 of 5" in html


def test_steps_say_their_state_in_words() -> None:
    items = [{"name": "Packing", "state": "now", "detail": "", "at": None}]
    html = drawn("{% steps items %}", items=items)
    assert 'aria-current="step"' in html
    assert ": under way" in html


def test_blocks_hold_what_stands_in_them_and_escape_what_is_given() -> None:
    html = drawn('{% card title icon="user" %}<p>{{ inside }}</p>{% endcard %}', title="<i>", inside="<b>")
    assert "&lt;i&gt;" in html
    assert "<p>&lt;b&gt;</p>" in html
