"""What is done in every case of an incident: a word to all, or the end of them. Its only writer.

A run is a row, worked off by a task some cases at a time: each part is one transaction with what became of its
cases, so a worker that dies leaves nothing half done and the sweep goes on where it stopped. What one case
refuses is noted with why, and the others go on.
"""

import logging
from typing import Any
from uuid import uuid5

from celery import current_app
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from kombu.exceptions import OperationalError

from cases import cases, conversations, incidents
from cases.drafts import Refused
from cases.models import Case, Incident, IncidentOutcome, IncidentRun
from config.security.normal import is_blank
from portal import consent, contact_holds
from portal.access import require
from portal.models import Caregiver, Patient, User

AT_ONCE = 25
CONTACTS = {"sms": "phone", "email": "email"}
SHOWN = 100

logger = logging.getLogger(__name__)


def say_to_all(actor: User, *, incident: Incident, words: str, words_es: str = "") -> IncidentRun:
    """Begin to say the same in every case that is open under the incident; in Spanish to those who speak it,
    where that is given. The same words said again reach those alone who have not heard them.
    """
    if is_blank(words):
        raise ValidationError(_("Write what they should know, and when they hear from us next."))
    return _begin(actor, incident, "say", words, words_es)


def resolve(actor: User, *, incident: Incident, next_step: str) -> IncidentRun:
    """Begin to close every case under it through the gate, and its own last. It goes on while one is refused."""
    if is_blank(next_step):
        raise ValidationError({"next_step": _("Say what comes next, or that nothing does.")})
    return _begin(actor, incident, "resolve", next_step)


def _begin(actor: User, incident: Incident, kind: str, words: str, words_es: str = "") -> IncidentRun:
    require(actor, "incidents.manage")
    with transaction.atomic():
        held = incidents.going_on_still(incident)
        running: IncidentRun | None = held.runs.filter(ended_at=None).first()
        if running is not None:
            if (running.kind, running.words, running.words_es) == (kind, words, words_es):
                return running
            raise ValidationError(
                _("Something is being done in its cases still. Wait until that is through.")
            )
        run = IncidentRun.objects.create(
            incident=held,
            kind=kind,
            words=words,
            words_es=words_es,
            total=_in(held, kind).count() + int(kind == "resolve" and held.case.state != "closed"),
            begun_by=actor,
        )
        transaction.on_commit(lambda: _soon(run.pk))
    return run


def _soon(run_id: int) -> None:
    try:
        current_app.send_task("cases.tasks.work_incident", [run_id], retry=False)
    except OperationalError:
        return  # the sweep finds it


def unfinished() -> list[int]:
    return list(IncidentRun.objects.filter(ended_at=None).order_by("pk").values_list("pk", flat=True))


def work(run_id: int) -> int:
    """Go on with a run to its end. How many cases it looked at; none where another worker has it in hand."""
    looked = 0
    while (part := work_part(run_id)) > 0:
        looked += part
    return looked


def work_part(run_id: int) -> int:
    """The next few cases of a run in one transaction; 0 where nothing is left or another worker is at it."""
    with transaction.atomic():
        rows = IncidentRun.objects.select_for_update(skip_locked=True, of=("self",))
        run = rows.select_related("incident__case", "begun_by").filter(pk=run_id, ended_at=None).first()
        if run is None:
            return 0
        left = _left(run).select_related("patient")[:AT_ONCE]
        for case in left:
            _one(run, case)
        return len(left) or _end(run)


def _left(run: IncidentRun) -> QuerySet[Case]:
    return _in(run.incident, run.kind).exclude(pk__in=run.outcomes.values("case"))


def _in(incident: Incident, kind: str) -> QuerySet[Case]:
    """Whose patient shall hear of it, also where their case went into another; closed is only its own."""
    if kind == "resolve":
        return incidents.open_under(incident)
    under = Case.objects.filter(parent=incident.case)
    merged = Q(pk__in=under.exclude(merged_into=None).values("merged_into"))
    return Case.objects.filter(Q(parent=incident.case) | merged).exclude(state="closed").order_by("-pk")


def _one(run: IncidentRun, case: Case) -> None:
    """What one case refuses, or what breaks in it, is its own."""
    done, why = False, ""
    try:
        with transaction.atomic():
            why = ACTS[run.kind](run, case)
            done = not why
    except Refused as error:
        why = _("Its conversation is closed.") if error.code == "closed" else error.detail or error.code
    except ValidationError as error:
        why = " ".join(error.messages)
    except PermissionDenied:
        why = _("Whoever began this may not write in this case.")
    except Exception as error:
        logger.exception("Case %s of incident run %s failed: %s.", case.pk, run.pk, type(error).__name__)
        why = _("Something went wrong. Open the case and do it there.")
    IncidentOutcome.objects.create(run=run, case=case, done=done, why=str(why)[:300])


def _say(run: IncidentRun, case: Case) -> str:
    """Why it could not be said, "" where it was."""
    patient, thread = case.patient, conversations.thread_of(case)
    if patient is None:
        return _("Nobody knows yet whose case this is.")
    if patient.deceased_on is not None:
        return _("This patient has died: nothing was sent.")
    if run.outcomes.filter(case__patient=patient, done=True).exists():
        return _("This patient was told in another case of theirs.")
    if why := _out_of_reach(patient, thread.channel):
        return why
    words = run.words_es if run.words_es and patient.language == "es" else run.words
    once = uuid5(run.incident.ref, f"{case.pk} {words}")
    conversations.reply(run.begun_by, conversation=thread, body=words, client_id=once)
    return ""


def _out_of_reach(patient: Patient, channel: str) -> str:
    """Why what is written on ``channel`` would reach nobody, or would not be understood."""
    if patient.interpreter:
        return _("This patient needs an interpreter: call them.")
    if channel not in CONTACTS:
        return "" if _reads_here(patient) else _("Nobody signs in to the portal for this patient: call them.")
    if consent.refuses(patient, channel, "orders"):
        return _("This patient wants nothing on this channel: call them.")
    if not contact_holds.usable_for_delivery(patient, CONTACTS[channel]):
        return _("There is nothing this patient can be reached by on this channel.")
    return ""


def _reads_here(patient: Patient) -> bool:
    """Whether the patient, or somebody who may see all of theirs, has a sign-in."""
    helpers = Caregiver.objects.in_force().filter(patient=patient, scopes__contains=["everything"])
    return patient.user_id is not None or bool(helpers.exists())


def _close(run: IncidentRun, case: Case) -> str:
    """What stands under a patient's own case is another matter, and stays open."""
    cases.close(run.begun_by, case=case, disposition="action_taken", next_step=run.words, children="leave")
    return ""


ACTS = {"say": _say, "resolve": _close}


def _end(run: IncidentRun) -> int:
    """End a run that has nothing left. 1 where a case came under the incident meanwhile, else 0."""
    incident = incidents.going_on_still(run.incident)
    if _left(run).exists():
        return 1
    if run.kind == "say":
        done = run.outcomes.filter(done=True).count()
        cases.record(run.begun_by, incident.case, "incident", {"told": done})
    elif not incidents.open_under(incident).exists():
        _over(run, incident)
    run.ended_at = timezone.now()
    run.save(update_fields=["ended_at"])
    return 0


def _over(run: IncidentRun, incident: Incident) -> None:
    own = incident.case
    if own.state != "closed":
        _one(run, own)
        own.refresh_from_db()
    if own.state == "closed":
        incident.state, incident.resolved_at = "resolved", timezone.now()
        incident.save(update_fields=["state", "resolved_at"])


def standing(incident: Incident) -> list[dict[str, Any]]:
    """Its last runs, each with how far it is and which cases it could not do, and why."""
    counted = incident.runs.select_related("begun_by").annotate(
        looked=Count("outcomes"), done=Count("outcomes", filter=Q(outcomes__done=True))
    )
    return [
        {
            "run": run,
            "looked": run.looked,
            "done": run.done,
            "left_out": run.looked - run.done,
            "refused": _refused(run),
        }
        for run in counted.order_by("-begun_at", "-pk")[:3]
    ]


def _refused(run: IncidentRun) -> list[IncidentOutcome]:
    return list(run.outcomes.filter(done=False).select_related("case").order_by("pk")[:SHOWN])
