"""Playbooks in the workshop: written by form, checked in words, published by somebody else (R-CASE-2)."""

import json
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from cases import playbook_checks, playbook_content, playbook_figures, playbooks
from cases import playbook_versions as rules
from cases.cases import Conflict
from cases.defaults.playbooks import written
from cases.models import Playbook, PlaybookVersion
from tests.cases.playbook_rows import in_force, small, version_of
from tests.factories import CaseFactory, UserFactory
from tests.people import signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def writer() -> Client:
    return signed_in(UserFactory(roles=["supervisor"]))


@pytest.fixture
def publisher() -> Client:
    return signed_in(UserFactory(roles=["supervisor"]))


@pytest.fixture
def draft(writer: Any) -> PlaybookVersion:
    return rules.draft(writer.user, playbook=in_force())


def at(page: str, version: PlaybookVersion, *args: Any) -> str:
    return reverse(f"admin:cases_playbookversion_{page}", args=[version.pk, *args])


def filled(*forms: Any) -> dict[str, Any]:
    """What a browser sends of forms and formsets left as they came."""
    data: dict[str, Any] = {}
    for form in forms:
        parts = [form.management_form, *form] if hasattr(form, "management_form") else [form]
        for part in parts:
            for bound in part:
                value = bound.value()
                if value is not None and value is not False and value != "":
                    data[bound.html_name] = "on" if value is True else value
    return data


def edit_data(page: Any) -> dict[str, Any]:
    return filled(page.context["header"], *(formset for _title, formset in page.context["formsets"]))


def messages_of(page: Any) -> str:
    return " ".join(str(message) for message in page.context["messages"])


# --- by form -----------------------------------------------------------------------------------------
@pytest.mark.parametrize("code", ["appeal", "clinical-triage", "delivery-scheduling"])
def test_opening_and_saving_changes_nothing(writer: Any, code: str) -> None:
    """What the form shows is all there is: a playbook goes through it and comes out as it was."""
    content = next(one["content"] for one in written() if one["code"] == code)
    playbook = Playbook.objects.create(code=code, title=code)
    rules.publish_ready_made(playbook, content)
    made = rules.draft(writer.user, playbook=playbook)
    page = writer.get(at("edit", made))
    assert writer.post(at("edit", made), edit_data(page)).status_code == 302
    for step in content["steps"][2:6]:
        page = writer.get(at("step", made, step["code"]))
        sent = filled(page.context["form"], page.context["branches"])
        answer = writer.post(at("step", made, step["code"]), sent)
        assert answer.status_code == 302, (answer.context["form"].errors, answer.context["branches"].errors)
    made.refresh_from_db()
    assert playbook_checks.of(made.content) == []
    assert playbook_content.read(made.content) == playbook_content.read(content)


def test_a_step_is_added_changed_moved_and_deleted(writer: Any, draft: PlaybookVersion) -> None:
    page = writer.get(at("step_new", draft))
    sent = filled(page.context["form"], page.context["branches"])
    sent |= {"title": "Say goodbye", "kind": "tell", "level": "0", "next": "close"}
    sent |= {"script_any_en": "Goodbye.", "script_any_es": "Adiós."}
    assert writer.post(at("step_new", draft), sent).status_code == 302
    draft.refresh_from_db()
    assert draft.content["steps"][-1]["code"] == "say_goodbye"
    for verb, place in (("up", -2), ("down", -1)):
        writer.post(at("arrange", draft, "say_goodbye", verb), {"revision": draft.revision})
        draft.refresh_from_db()
        assert draft.content["steps"][place]["code"] == "say_goodbye"
    writer.post(at("arrange", draft, "say_goodbye", "delete"), {"revision": draft.revision})
    draft.refresh_from_db()
    assert "say_goodbye" not in [step["code"] for step in draft.content["steps"]]


def test_a_step_others_lead_to_is_not_deleted(writer: Any, draft: PlaybookVersion) -> None:
    answer = writer.post(at("arrange", draft, "close", "delete"), {"revision": draft.revision}, follow=True)
    assert "Other steps lead here" in messages_of(answer)
    draft.refresh_from_db()
    assert "close" in [step["code"] for step in draft.content["steps"]]


def test_what_is_wrong_is_told_and_the_draft_is_kept(writer: Any, draft: PlaybookVersion) -> None:
    page = writer.get(at("step", draft, "hurry"))
    sent = filled(page.context["form"], page.context["branches"]) | {"next": "", "script_any_es": ""}
    writer.post(at("step", draft, "hurry"), sent)
    shown = writer.get(at("edit", draft)).content.decode()
    assert "is a dead end" in shown
    assert "missing in Spanish" in shown
    draft.refresh_from_db()
    answer = writer.post(
        at("forward", draft, "submit"), {"revision": draft.revision, "note": "New"}, follow=True
    )
    assert "dead end" in messages_of(answer)
    draft.refresh_from_db()
    assert draft.state == "draft"


def test_of_two_writers_the_second_is_told(writer: Any, publisher: Any, draft: PlaybookVersion) -> None:
    page = writer.get(at("edit", draft))
    sent = edit_data(page)
    assert publisher.post(at("edit", draft), sent | {"purpose": "Theirs"}).status_code == 302
    again = writer.post(at("edit", draft), sent | {"purpose": "Ours"})
    assert "changed this draft meanwhile" in again.content.decode()
    assert "Ours" in again.content.decode()
    draft.refresh_from_db()
    assert draft.content["purpose"] == "Theirs"


# --- as JSON -----------------------------------------------------------------------------------------
def test_export_and_import_are_each_others_inverse(writer: Any, draft: PlaybookVersion) -> None:
    text = writer.get(at("json", draft)).content
    upload = SimpleUploadedFile("playbook.json", text.replace(b"parts of a playbook", b"pieces of one"))
    assert writer.post(at("import", draft), {"revision": draft.revision, "file": upload}).status_code == 302
    draft.refresh_from_db()
    assert draft.content == json.loads(text) | {"purpose": "To see the pieces of one work."}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "no JSON"),
        ("[]", "a JSON object"),
        ('{"steps": 3}', "is a list"),
        ('{"steps": [{"code": "a"}]}', "lacks its"),
        ('{"steps": [], "colour": "red"}', "Nobody knows what"),
    ],
)
def test_a_bad_import_says_what_is_wrong(writer: Any, draft: PlaybookVersion, text: str, words: str) -> None:
    before = draft.content
    page = writer.post(at("import", draft), {"revision": draft.revision, "text": text})
    assert words in page.content.decode()
    draft.refresh_from_db()
    assert draft.content == before


# --- into force --------------------------------------------------------------------------------------
def test_it_is_published_by_somebody_else(writer: Any, publisher: Any, draft: PlaybookVersion) -> None:
    writer.post(at("forward", draft, "submit"), {"revision": draft.revision, "note": "Kinder words"})
    draft.refresh_from_db()
    assert draft.state == "review"
    own = writer.post(at("forward", draft, "publish"), {"revision": draft.revision}, follow=True)
    assert "somebody else must publish it" in messages_of(own)
    publisher.post(at("forward", draft, "publish"), {"revision": draft.revision})
    draft.refresh_from_db()
    assert (draft.state, draft.published_by) == ("published", publisher.user)
    assert playbooks.in_force(draft.playbook) == draft


def test_a_version_holds_from_its_day_and_a_run_keeps_its_own(writer: Any, publisher: Any) -> None:
    playbook = in_force()
    first = version_of(playbook)
    run = playbooks.start(writer.user, case=CaseFactory(), playbook=playbook)
    made = rules.draft(writer.user, playbook=playbook)
    made = rules.submit(writer.user, version=made, revision=made.revision, note="Later")
    soon = timezone.now() + timedelta(days=3)
    rules.publish(publisher.user, version=made, revision=made.revision, effective_from=soon)
    assert playbooks.in_force(playbook) == first
    with time_machine.travel(soon + timedelta(minutes=1)):
        assert playbooks.in_force(playbook) == made
        (standing,) = playbooks.standing(run.case)
        assert standing.version == first
        made.refresh_from_db()
        rules.withdraw(publisher.user, version=made, revision=made.revision)
        assert playbooks.in_force(playbook) == first


def test_what_is_published_never_changes(writer: Any) -> None:
    version = version_of(in_force())
    with pytest.raises(ValidationError, match="can't be done"):
        rules.write(writer.user, version=version, revision=version.revision, content=small(purpose="Else"))
    page = writer.post(at("edit", version), edit_data(writer.get(at("edit", version))))
    assert "can&#x27;t be done" in page.content.decode()


def test_who_may_not_edit_reads_and_changes_nothing(draft: PlaybookVersion) -> None:
    auditor = signed_in(UserFactory(roles=["auditor"]))
    page = auditor.get(at("edit", draft))
    assert page.status_code == 200
    assert "disabled" in page.content.decode()
    assert auditor.post(at("edit", draft), edit_data(page)).status_code == 403
    with pytest.raises(PermissionDenied):
        rules.publish(UserFactory(roles=["lead"]), version=draft, revision=draft.revision)


def test_a_stale_revision_is_a_conflict(writer: Any, draft: PlaybookVersion) -> None:
    with pytest.raises(Conflict):
        rules.write(writer.user, version=draft, revision=draft.revision + 1, content=draft.content)


# --- looked at ---------------------------------------------------------------------------------------
def test_preview_changes_and_print(writer: Any, draft: PlaybookVersion) -> None:
    shown = writer.get(at("preview", draft), {"channel": "sms", "language": "es"}).content.decode()
    assert "Para proteger su información" in shown
    rules.write(writer.user, version=draft, revision=draft.revision, content=small(purpose="Something else"))
    changes = writer.get(at("diff", draft)).content.decode()
    assert "-" in changes
    assert "Something else" in changes
    printed = writer.get(at("print", draft))
    assert printed.headers["Content-Type"] == "application/pdf"
    assert printed.content.startswith(b"%PDF")


def test_figures_tell_where_people_drop_out(writer: Any) -> None:
    playbook = in_force()
    agent = UserFactory(roles=["agent"])
    for number in range(4):
        run = playbooks.start(agent, case=CaseFactory(), playbook=playbook)
        run = playbooks.skip(agent, run=run, revision=run.revision, reason="Known") if number else run
        if number < 3:
            playbooks.abandon(agent, run=run, revision=run.revision, reason="Hung up")
    (figures,) = playbook_figures.of(writer.user, playbook)
    steps = {step.code: step for step in figures.steps}
    assert (figures.started, figures.abandoned, figures.dropped_percent) == (4, 3, 75)
    assert (steps["hello"].dropped, steps["identify"].dropped) == (1, 2)
    assert (steps["hello"].skipped, steps["hello"].flagged) == (3, 0)
    page = writer.get(reverse("admin:cases_playbook_figures", args=[playbook.pk])).content.decode()
    assert "75 % dropped out" in page


@pytest.mark.parametrize(
    "change",
    [{"content": {}}, {"number": 9}, {"state": "draft"}, {"effective_from": timezone.now()}],
    ids=lambda change: next(iter(change)),
)
def test_the_database_keeps_what_was_published(db: None, change: dict[str, Any]) -> None:
    """Whoever writes past the rules is refused: runs rest on the version they began with."""
    version = version_of(in_force())
    with pytest.raises(IntegrityError, match="stays as it is"), transaction.atomic():
        PlaybookVersion.objects.filter(pk=version.pk).update(**change)
    with pytest.raises(IntegrityError, match="stays as it is"), transaction.atomic():
        version.delete()
    rules.withdraw(rules.READY_MADE, version=version, revision=version.revision)
    with pytest.raises(IntegrityError, match="stays as it is"), transaction.atomic():
        PlaybookVersion.objects.filter(pk=version.pk).update(state="published")
