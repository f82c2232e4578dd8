"""Opening a case, and what an agent keeps: drafts and preferences."""

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connection

from agents import workspace
from agents.models import Draft
from cases import merging
from cases.models import Case
from config.security import audit
from portal.models import AccessEntry
from tests.factories import CaseFactory, PatientFactory, UserFactory

pytestmark = pytest.mark.django_db


def test_where_the_trail_cannot_be_written_nothing_opens(monkeypatch: pytest.MonkeyPatch) -> None:
    """R-SEC-2: a read that is not on the trail does not happen."""
    agent, number = UserFactory(roles=["agent"]), CaseFactory().number

    def broken(*_: object, **__: object) -> None:
        raise audit.TrailUnavailable

    monkeypatch.setattr(audit, "write", broken)
    with pytest.raises(audit.TrailUnavailable):
        workspace.open_case(agent, number)


def test_an_opened_case_is_one_entry_on_the_trail() -> None:
    case = CaseFactory()
    workspace.open_case(UserFactory(roles=["agent"]), case.number)
    entry = AccessEntry.objects.get(kind="read")
    assert (entry.subjects, entry.what, entry.purpose) == ([case.patient_id], "case", f"case:{case.pk}")
    assert entry.object_id == case.pk


@pytest.mark.parametrize("role", ["warehouse", "technician", "administrator", "patient"])
def test_a_case_opens_to_nobody_else(role: str) -> None:
    with pytest.raises(PermissionDenied):
        workspace.open_case(UserFactory(roles=[role]), CaseFactory().number)
    assert not AccessEntry.objects.filter(kind="read").exists()


def test_no_such_case() -> None:
    with pytest.raises(Case.DoesNotExist):
        workspace.open_case(UserFactory(roles=["agent"]), "C-0-0")


def test_a_draft_is_one_for_an_agent_and_a_case() -> None:
    agent, case = UserFactory(roles=["agent"]), CaseFactory()
    for body in ("a", "ab", "abc"):
        workspace.save_draft(agent, case=case, kind="reply", body=body, seen=4)
    workspace.save_draft(UserFactory(roles=["agent"]), case=case, kind="note", body="theirs", seen=0)
    assert workspace.draft_of(agent, case).body == "abc"
    assert Draft.objects.count() == 2


def test_a_draft_survives_a_change_of_owner() -> None:
    agent, case = UserFactory(roles=["agent"]), CaseFactory()
    workspace.save_draft(agent, case=case, kind="reply", body="half a thought", seen=0)
    case.owner = UserFactory(roles=["agent"])
    case.save()
    assert workspace.draft_of(agent, case).body == "half a thought"


def test_an_emptied_draft_is_gone() -> None:
    agent, case = UserFactory(roles=["agent"]), CaseFactory()
    workspace.save_draft(agent, case=case, kind="reply", body="a", seen=0)
    assert workspace.save_draft(agent, case=case, kind="reply", body="  \n", seen=0) is None
    assert workspace.draft_of(agent, case) is None


def test_a_draft_is_encrypted_and_has_a_limit() -> None:
    agent, case = UserFactory(roles=["agent"]), CaseFactory()
    workspace.save_draft(agent, case=case, kind="reply", body="my knee hurts", seen=0)
    with connection.cursor() as cursor:
        cursor.execute("SELECT body FROM agents_draft")
        assert "knee" not in cursor.fetchone()[0]
    with pytest.raises(workspace.DraftTooLong):
        workspace.save_draft(agent, case=case, kind="reply", body="x" * 10_001, seen=0)


def test_drafts_are_for_those_who_work_on_cases() -> None:
    with pytest.raises(PermissionDenied):
        workspace.save_draft(
            UserFactory(roles=["auditor"]), case=CaseFactory(), kind="note", body="x", seen=0
        )


def test_a_draft_from_a_page_left_open_after_a_merge_is_kept_with_the_kept_case() -> None:
    agent, patient = UserFactory(roles=["agent"]), PatientFactory()
    one, two = (CaseFactory(patient=patient, owner=agent, state="open") for _ in "ab")
    workspace.save_draft(agent, case=two, kind="reply", body="first", seen=0)
    merging.merge(agent, into=one, cases=[two])
    two.refresh_from_db()
    workspace.save_draft(agent, case=two, kind="reply", body="first and more", seen=0)
    assert [(draft.case, draft.body) for draft in Draft.objects.all()] == [(one, "first and more")]


def test_what_was_being_written_on_the_kept_case_is_not_written_over() -> None:
    agent, patient = UserFactory(roles=["agent"]), PatientFactory()
    one, two = (CaseFactory(patient=patient, owner=agent, state="open") for _ in "ab")
    for case, body in ((one, "here"), (two, "there")):
        workspace.save_draft(agent, case=case, kind="reply", body=body, seen=0)
    merging.merge(agent, into=one, cases=[two])
    two.refresh_from_db()
    for body in ("there and", "there and more"):
        workspace.save_draft(agent, case=two, kind="reply", body=body, seen=0)
    kept = workspace.draft_of(agent, one)
    assert kept is not None
    assert kept.body == "here\n\nthere and more"
    workspace.discard_draft(agent, case=two, said="there and more")
    assert [(draft.case, draft.body) for draft in Draft.objects.all()] == [(one, "here")]
