"""Playbooks on paper: two pages, tagged, with the names and clocks of today (R-CASE-2)."""

import io
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from pypdf import PdfReader

from cases import playbook_print
from cases.defaults import clocks, playbooks, reasons
from cases.models import Playbook, PlaybookVersion
from tests.cases.playbook_rows import in_force, small, version_of
from tests.cases.rotas import clinician, layer, policy, rota
from tests.factories import ReasonFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def agent(db: None) -> Any:
    return UserFactory(roles=["agent"])


def text_of(made: bytes) -> str:
    return " ".join(" ".join(page.extract_text() for page in PdfReader(io.BytesIO(made)).pages).split())


@pytest.fixture
def floor(db: None) -> None:
    """Everything a supplier begins with, and somebody on duty in each lane."""
    reasons.install()
    clocks.install()
    playbooks.install()
    for lane, name in (
        ("clinical", "Cleo Clinic"),
        ("specialist", "Bea Billing"),
        ("manager", "Max Manager"),
    ):
        of = rota(lane)
        layer(of, clinician(name))
        policy(lane, of)


def test_all_fifteen_fit_two_pages_in_both_languages(agent: Any, floor: None) -> None:
    versions = PlaybookVersion.objects.select_related("playbook")
    counted = {
        (version.playbook.code, language): playbook_print.pages(
            playbook_print.pdf(agent, version=version, language=language)
        )
        for version in versions
        for language in ("en", "es")
    }
    assert len(counted) == 30
    assert {key: count for key, count in counted.items() if count > playbook_print.MOST_PAGES} == {}


def test_it_says_who_is_on_duty_and_by_when(agent: Any, floor: None) -> None:
    version = version_of(Playbook.objects.get(code="clinical-triage"))
    text = text_of(playbook_print.pdf(agent, version=version))
    assert "On duty now: Cleo" in text
    assert "Taken on in 1 h" in text
    assert "911" in text
    assert "acknowledgement" in text.lower()


def test_it_is_tagged_and_says_its_language(agent: Any) -> None:
    made = playbook_print.pdf(agent, version=version_of(in_force()), language="es")
    root: Any = PdfReader(io.BytesIO(made)).trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"]
    assert root["/Lang"].startswith("es")
    assert "Hola de" in text_of(made)


def test_its_headings_are_in_its_language(agent: Any) -> None:
    text = text_of(playbook_print.pdf(agent, version=version_of(in_force()), language="es"))
    for heading in ("Quién es", "Paso a paso", "A quién llamar", "Para cuándo"):
        assert heading in text
    for heading in ("Who is it", "Step by step", "Whom to call", "By when"):
        assert heading not in text


def test_what_is_written_is_text_and_never_markup(agent: Any) -> None:
    hostile = '#read("/etc/passwd") *bold* $x$ \\ "quoted"'
    version = version_of(in_force(purpose=hostile))
    assert hostile in text_of(playbook_print.pdf(agent, version=version))


def test_what_does_not_fit_says_so(agent: Any) -> None:
    long = small()
    long["purpose"] = "A sentence that goes on and on. " * 1500
    version = version_of(in_force())
    version.content = long
    with pytest.raises(ValidationError, match="two pages"):
        playbook_print.pdf(agent, version=version)


def test_it_is_for_those_who_work_by_it(db: None) -> None:
    with pytest.raises(PermissionDenied):
        playbook_print.pdf(UserFactory(roles=["warehouse"]), version=version_of(in_force()))


def test_it_names_the_people_of_the_family_it_is_offered_on(agent: Any, floor: None) -> None:
    """Whom the policy of that family calls, not the general one's (R-CASE-2)."""
    playbook = Playbook.objects.get(code="clinical-triage")
    reason = ReasonFactory(family="billing")
    playbook.reasons.set([reason])
    of = rota("family")
    layer(of, clinician("Fay"))
    policy("clinical", of, family=reason.family)
    text = text_of(playbook_print.pdf(agent, version=version_of(playbook)))
    assert "On duty now: Fay" in text
    assert "On duty now: Cleo" not in text
