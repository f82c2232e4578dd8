"""Escalating, answering a page and the rota board, as the desk sees them; and that no customer does (R-SLA-2, 3)."""

import uuid

import pytest
import time_machine
from django.urls import reverse
from django.utils import timezone

from agents import acts
from cases import escalation as rules
from cases.defaults import escalation as defaults
from cases.models import Escalation, EscalationPolicy, PagingContact, Rota, RotaOverride
from portal.access_trail import who_saw
from tests.cases.rotas import clinical_desk, clinician, layer, open_case, policy, rota
from tests.factories import ConversationFactory, ReasonFactory, UserFactory, message_in, patient_with_user
from tests.people import signed_in

pytestmark = pytest.mark.django_db
FORM = {
    "lane": "clinical",
    "why": "Short of breath",
    "symptoms": "Blue lips since noon",
    "npi": "",
    "ours": "",
}


@pytest.fixture
def desk(staff_client):
    """An agent at the console, two clinicians on duty and a case."""
    first, second, _policy = clinical_desk()
    return staff_client("agent"), first, second, open_case()


def escalated(case, agent=None):
    return rules.escalate(
        agent or UserFactory(roles=["agent"]),
        case=case,
        lane="clinical",
        why="Short of breath",
        symptoms="Blue lips",
    )


def at(name, *args):
    return reverse(f"agents:{name}", args=args)


# --- the dialog ----------------------------------------------------------------------------------------
def test_an_agent_escalates_from_the_case(desk):
    client, first, _second, case = desk
    form = client.get(at("case-escalate", case.number))
    assert form.context["form"].initial["lane"] == "specialist"
    done = client.post(at("case-escalate", case.number), FORM | {"ours": str(first.ref)})
    assert done.status_code == 204
    made = Escalation.objects.get()
    assert (made.opened_by, made.clinician) == (client.user, f"staff-{first.pk}")
    assert "case-acted" in done["HX-Trigger"]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"symptoms": ""}, "Write down the symptoms"),
        ({"why": " "}, "Say why"),
        ({"npi": "1234567890"}, "check digit does not fit"),
    ],
)
def test_what_is_missing_is_said_and_nothing_typed_is_lost(desk, changed, words):
    client, *_, case = desk
    sent = FORM | changed
    answer = client.post(at("case-escalate", case.number), sent)
    page = answer.content.decode()
    assert answer.status_code == 422
    assert words in page
    assert all(value in page for value in sent.values() if value.strip())
    assert not Escalation.objects.exists()


def test_an_npi_and_one_of_ours_is_one_too_many(desk):
    client, first, _second, case = desk
    answer = client.post(
        at("case-escalate", case.number), FORM | {"npi": "1234567893", "ours": str(first.ref)}
    )
    assert "not both" in answer.content.decode()


def test_a_clinical_reason_suggests_the_clinician(desk):
    client, *_ = desk
    case = open_case(reason=ReasonFactory(family="clinical"))
    assert client.get(at("case-escalate", case.number)).context["form"].initial["lane"] == "clinical"


def test_the_menu_of_an_open_case_offers_it(desk):
    client, *_, case = desk
    assert "escalate" in [one.act.code for one in acts.of(client.user, case)]


# --- beside the case -----------------------------------------------------------------------------------
def test_beside_the_case_every_step_is_named_and_timed(desk):
    client, first, *_, case = desk
    made = escalated(case, client.user)
    rules.acknowledge(first, escalation=made)
    assert at("case-escalations", case.number) in client.get(at("case-more", case.number)).content.decode()
    page = client.get(at("case-escalations", case.number)).content.decode()
    for words in (
        "Short of breath",
        "Blue lips",
        client.user.display_name,
        "Cleo Clinic",
        "Text message",
        "Step 1",
    ):
        assert words in page
    assert f"staff-{first.pk}" not in page


def test_without_one_the_panel_stays_away(desk):
    client, *_, case = desk
    assert "panel-escalations" not in client.get(at("case-more", case.number)).content.decode()


def test_it_is_ended_in_a_dialog(desk):
    client, *_, case = desk
    made = escalated(case, client.user)
    assert client.get(at("escalation-end", made.ref)).status_code == 200
    empty = client.post(at("escalation-end", made.ref), {"how": "resolved", "outcome": ""})
    assert "Say what was decided" in empty.content.decode()
    done = client.post(at("escalation-end", made.ref), {"how": "stood_down", "outcome": "Wrong patient"})
    assert done.status_code == 204
    made.refresh_from_db()
    assert (made.state, made.outcome) == ("stood_down", "Wrong patient")
    late = client.post(at("escalation-end", made.ref), {"how": "resolved", "outcome": "Done"})
    assert "ended meanwhile" in late.content.decode()


def test_others_do_not_end_it(desk, staff_client):
    *_, case = desk
    answer = staff_client("agent").post(
        at("escalation-end", escalated(case).ref), {"how": "resolved", "outcome": "Done"}
    )
    assert (answer.status_code, Escalation.objects.get().state) == (422, "paging")


# --- answering a page ----------------------------------------------------------------------------------
def test_who_is_paged_sees_it_above_the_desk_and_takes_it(desk):
    _client, first, second, case = desk
    made = escalated(case)
    called = signed_in(first)
    assert case.number in called.get(at("escalations-banner")).content.decode()
    assert case.number not in signed_in(second).get(at("escalations-banner")).content.decode()
    assert called.post(at("escalation-acknowledge", made.ref)).status_code == 204
    made.refresh_from_db()
    assert made.acknowledged_by == first
    assert case.number not in called.get(at("escalations-banner")).content.decode()


def test_the_banner_names_no_patient(desk):
    _client, first, _second, case = desk
    escalated(case)
    banner = signed_in(first).get(at("escalations-banner")).content.decode()
    assert case.patient.first_name not in banner
    assert "lips" not in banner


def test_somebody_not_paged_and_somebody_late_are_told(desk, staff_client):
    client, first, _second, case = desk
    made = escalated(case)
    assert client.post(at("escalation-acknowledge", made.ref)).status_code == 403
    rules.acknowledge(first, escalation=made)
    late = staff_client("lead").post(at("escalation-acknowledge", made.ref))
    assert late.status_code == 409
    assert "Cleo has it already" in late["HX-Trigger"]


def test_the_link_of_a_page_demands_sign_in_and_is_its_persons_alone(desk, client):
    _agent, first, second, case = desk
    page = escalated(case).pages.get(channel="sms")
    away = client.get(at("page", page.ref))
    assert away.status_code == 302
    assert "/sign-in" in away["Location"]
    assert signed_in(second).get(at("page", page.ref)).status_code == 404
    called = signed_in(first)
    shown = called.get(at("page", page.ref)).content.decode()
    assert case.number in shown
    assert "lips" not in shown
    done = called.post(at("page", page.ref))
    assert done["Location"] == at("case", case.number)
    page.refresh_from_db()
    assert (page.state, page.escalation.acknowledged_through) == ("acknowledged", "sms")
    assert called.get(at("page", page.ref)).status_code == 200


def test_a_link_that_comes_late_says_who_has_it(desk):
    _agent, first, _second, case = desk
    made = escalated(case)
    page = made.pages.get(channel="sms")
    lead = UserFactory(roles=["lead"], display_name="Lee Lead")
    rules.acknowledge(lead, escalation=made, take_over=True)
    late = signed_in(first).post(at("page", page.ref))
    assert late.status_code == 409
    assert "Lee has it already" in late.content.decode()


def test_who_is_no_clinician_is_told_that_clinicians_are_called_on(desk, staff_client):
    boss = staff_client("supervisor")
    *_, case = desk
    Rota.objects.get().layers.all().delete()
    made = escalated(case)
    assert "Take over" in boss.get(at("escalations-banner")).content.decode()
    assert "Take over" in boss.get(at("case-escalations", case.number)).content.decode()
    page = boss.post(at("page", made.pages.get(channel="sms").ref)).content.decode()
    assert "Clinicians are called until" in page
    assert case.number not in boss.get(at("escalations-banner")).content.decode()
    done = boss.post(at("escalation-acknowledge", made.ref), {"take_over": "1"})
    assert "it is yours" in done["HX-Trigger"]
    made.refresh_from_db()
    assert (made.state, made.acknowledged_by) == ("acknowledged", boss.user)


def test_somebody_elses_escalation_and_none_are_not_found(desk):
    client, *_ = desk
    for name in ("escalation-acknowledge", "page"):
        assert client.post(at(name, uuid.uuid4())).status_code == 404


# --- the board -----------------------------------------------------------------------------------------
@time_machine.travel("2026-03-03T15:00Z", tick=False)
def test_the_board_says_who_is_on_who_comes_and_when_nobody_does(staff_client):
    from tests.cases.rotas import serves

    of = rota()
    serves(layer(of, clinician("Ana Now"), clinician("Ben Next")), "04:00", "03:00")
    page = staff_client("agent").get(at("rota")).content.decode()
    assert "Ana Now" in page
    assert "Ben Next" in page
    assert "Nobody is on duty" in page
    assert "Wed 4 Mar, 3 am to 4 am" in page


@time_machine.travel("2026-03-03T15:00Z", tick=False)
def test_a_gap_of_the_coming_day_stands_above_a_leads_desk(staff_client):
    from tests.cases.rotas import serves

    serves(layer(rota(), clinician("Ana")), "04:00", "03:00")
    assert (
        "Nobody is on duty in Clinical" in staff_client("lead").get(at("escalations-banner")).content.decode()
    )
    assert "Nobody" not in staff_client("agent").get(at("escalations-banner")).content.decode()


@time_machine.travel("2026-03-03T15:00Z", tick=False)
def test_a_lead_puts_somebody_on_duty_by_the_rotas_own_clock(staff_client):
    of, ida = rota(), clinician("Ida")
    sent = {
        "rota": of.code,
        "user": str(ida.ref),
        "starts_at": "2026-03-04T02:00",
        "ends_at": "2026-03-04T05:00",
    }
    assert staff_client("lead").post(at("rota-stand-in"), sent).status_code == 302
    made = RotaOverride.objects.get()
    assert (made.user, made.starts_at.isoformat()) == (ida, "2026-03-04T08:00:00+00:00")
    backwards = staff_client("lead").post(at("rota-stand-in"), sent | {"ends_at": "2026-03-04T01:00"})
    assert backwards.status_code == 422
    assert "It ends before it begins" in backwards.content.decode()


def test_who_stays_on_hands_over_to_nobody(staff_client):
    layer(rota(), clinician("Ana Always"))
    page = staff_client("agent").get(at("rota")).content.decode()
    assert "Not in the coming week" in page
    assert "No hand-over in the coming week" in page


def test_agents_put_nobody_on_duty(staff_client):
    client = staff_client("agent")
    assert client.post(at("rota-stand-in"), {}).status_code == 403
    assert "Put on duty" not in client.get(at("rota")).content.decode()


def test_one_says_where_one_is_paged(staff_client):
    client = staff_client("clinician")
    assert client.post(at("rota-contact"), {"phone": "512 555 0143"}).status_code == 302
    assert PagingContact.objects.get(user=client.user).phone == "+15125550143"
    wrong = client.post(at("rota-contact"), {"phone": "5"})
    assert wrong.status_code == 422
    assert "area code" in wrong.content.decode()


# --- not the customer's --------------------------------------------------------------------------------
def test_nothing_of_it_reaches_the_patient():
    """Pages, who saw my record, and what a copy of one's data is made of."""
    from portal import my_data

    clinical_desk()
    patient = patient_with_user()
    case = open_case(patient=patient)
    thread = ConversationFactory(case=case, patient=patient)
    message_in(thread, "We are looking into it")
    made = escalated(case)
    rules.resolve(made.opened_by, escalation=made, outcome="Nurse visit booked")
    words = ("scalat", "Blue lips", "Short of breath", "Nurse visit", "Cleo", "aged", "on duty")
    client = signed_in(patient.user)
    pages = [client.get(reverse(name)) for name in ("portal:home", "cases:messages", "portal:record-access")]
    pages.append(client.get(reverse("cases:thread", args=[thread.pk])))
    for page in pages:
        assert page.status_code == 200
        main = page.content.decode().split("<main", 1)[1]
        assert [word for word in words if word in main and word != "aged"] == []
    exported = [row for exporter in my_data.EXPORTERS.values() for row in exporter.rows(patient)]
    assert exported
    assert [word for word in words if word != "aged" and word in str(exported)] == []
    assert not any("scalat" in str(sighting.thing) for sighting in who_saw(patient))


# --- the workshop --------------------------------------------------------------------------------------
@time_machine.travel("2026-03-03T15:00Z", tick=False)
def test_a_rota_saved_with_a_gap_is_kept_and_says_when(staff_client):
    from tests.cases.rotas import serves

    of = rota()
    made = layer(of, clinician("Ana"))
    serves(made, "04:00", "03:00")
    client = staff_client("supervisor")
    address = reverse("admin:cases_rotalayer_change", args=[made.pk])
    form = fields_of(client.get(address))
    answer = client.post(address, form | {"name": "Renamed"}, follow=True)
    assert "Nobody is on duty in Clinical: Wed 4 Mar 03:00 to Wed 4 Mar 04:00" in answer.content.decode()
    made.refresh_from_db()
    assert made.name == "Renamed"


def fields_of(answer):
    """What a browser would send of an admin page as it stands."""
    page = answer.context["adminform"].form
    forms = [
        page,
        *(form for formset in answer.context["inline_admin_formsets"] for form in formset.formset.forms),
    ]
    forms += [formset.formset.management_form for formset in answer.context["inline_admin_formsets"]]
    sent = {}
    for form in forms:
        for bound in form:
            value = bound.value()
            if value is not None and value is not False:
                sent[bound.html_name] = (
                    bound.field.prepare_value(value) if not isinstance(value, bool) else "on"
                )
    return sent


def test_a_chain_with_nobody_on_duty_says_so_when_it_is_saved(staff_client):
    made = policy("clinical", rota(), {"who": "on_duty"}, {"who": "supervisors"})
    client = staff_client("supervisor")
    address = reverse("admin:cases_escalationpolicy_change", args=[made.pk])
    answer = client.post(address, fields_of(client.get(address)), follow=True)
    page = answer.content.decode()
    assert "Step 1: nobody is on duty" in page
    assert "Step 2" not in page.split("messagelist")[1].split("</ul>")[0]


def test_a_chain_without_steps_is_refused(staff_client):
    made = policy("clinical", rota(), {"who": "leads"})
    client = staff_client("supervisor")
    address = reverse("admin:cases_escalationpolicy_change", args=[made.pk])
    answer = client.post(address, fields_of(client.get(address)) | {"steps-0-DELETE": "on"})
    assert "A chain without steps would call nobody" in answer.content.decode()
    assert made.steps.count() == 1


def test_the_workshop_masks_why_and_shows_both_ratios(desk, staff_client):
    *_, case = desk
    made = escalated(case)
    client = staff_client("supervisor")
    page = client.get(reverse("admin:cases_escalation_changelist")).content.decode()
    assert "Escalated to phone or manager" in page
    assert "1 (100.0%)" in page
    assert "0 (0.0%)" in page
    opened = client.get(reverse("admin:cases_escalation_change", args=[made.pk])).content.decode()
    assert "lips" not in opened
    for name in ("rota", "rotalayer", "escalationpolicy", "page"):
        assert client.get(reverse(f"admin:cases_{name}_changelist")).status_code == 200


# --- what a supplier begins with -------------------------------------------------------------------------
def test_defaults_come_once_and_change_nothing_that_is_there():
    assert defaults.install() > 0
    Rota.objects.filter(code="clinical").update(name="Ours")
    EscalationPolicy.objects.get(code="clinical").steps.first().delete()
    assert defaults.install() == 0
    assert Rota.objects.get(code="clinical").name == "Ours"
    assert EscalationPolicy.objects.get(code="clinical").steps.count() == 2


def test_the_default_tiers_have_the_times_of_the_requirements():
    """L2 1-4 h, L3 24 h, clinical one hour day and night."""
    defaults.install()
    times = {p.code: (p.lane, p.resolve_minutes, p.around_the_clock) for p in EscalationPolicy.objects.all()}
    assert times["clinical"] == ("clinical", 60, True)
    assert times["manager"] == ("manager", 1440, True)
    for code in ("specialist", "billing-specialist", "clinical-specialist"):
        assert times[code] == ("specialist", 240, False)


@pytest.mark.parametrize("role", ["supervisor"])
def test_synthetic_staff_are_on_duty_now(role):
    from agents.synthetic.duty import create_duty
    from agents.synthetic.staff import create_staff
    from cases import rota as rota_rules
    from config.management.commands import install_defaults

    install_defaults.install()
    create_staff("1")
    create_duty(timezone.now())
    clinical = Rota.objects.get(code="clinical")
    assert rota_rules.on_duty(clinical, timezone.now())[0].display_name == "Cleo Clinician"
    assert len(rota_rules.on_duty(clinical, timezone.now())) == 2
    assert rota_rules.gaps(clinical, timezone.now(), timezone.now() + timezone.timedelta(days=14)) == []
