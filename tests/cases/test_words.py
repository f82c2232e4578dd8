"""Openings, subject lines, checklists, and what may leave the house (R-CASE-4, R-SHIP-3)."""

from datetime import date
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from hypothesis import given
from hypothesis import strategies as st

from cases import conversations, outside, scripts, sending, subjects, wording
from cases.defaults import words as defaults
from cases.models import (
    CannedReply,
    Case,
    Checklist,
    Conversation,
    Macro,
    Message,
    Notice,
    OpeningScript,
    SubjectTemplate,
    Survey,
)
from cases.people import shown_name
from tests.cases.test_canned import agent_who_knows, case_with_order
from tests.factories import (
    CaseFactory,
    ConversationFactory,
    PatientFactory,
    ProductFactory,
    TeamFactory,
    UserFactory,
    message_in,
    patient_with_user,
)

pytestmark = pytest.mark.django_db


def lead() -> Any:
    return UserFactory(roles=["lead"])


def script(**kwargs: Any) -> OpeningScript:
    parts = {
        "greeting": "Hello, this is {agent_name}.",
        "account": "Which order?",
        "identifiers": "Two facts?",
    }
    return OpeningScript(**{"channel": "phone", "reason": "What is it about?"} | parts | kwargs)


# --- openings ------------------------------------------------------------------------------------------
def test_a_phone_opening_longer_than_thirty_seconds_is_refused_in_words() -> None:
    """150 words a minute: 75 words are 30 seconds."""
    fits = script(reason=" ".join(["word"] * (75 - 4 - 2 - 2)))
    assert scripts.aloud(getattr(fits, part) for part in scripts.PARTS) == 30
    scripts.keep(lead(), fits)
    long = script(language="es", reason=fits.reason + " and ten more words that are simply too many")
    with pytest.raises(ValidationError) as refused:
        scripts.keep(lead(), long)
    assert "34 seconds" in refused.value.message_dict["greeting"][0]
    scripts.keep(lead(), script(channel="chat", reason=long.reason))


def test_facts_count_as_they_are_spoken() -> None:
    assert scripts.aloud(["{order_number}"]) > scripts.aloud(["{agent_name}"])


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"greeting": "Hello."}, "greeting"),
        ({"account": " "}, "account"),
        ({"identifiers": ""}, "identifiers"),
        ({"reason": "{patient_birthday}"}, "reason"),
    ],
)
def test_an_opening_without_one_of_its_parts_is_refused(wrong: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError) as refused:
        scripts.keep(lead(), script(**wrong))
    assert list(refused.value.message_dict) == [field]


def test_the_opening_stands_until_somebody_of_ours_has_spoken() -> None:
    scripts.keep(lead(), script(channel="portal"))
    case = CaseFactory(channel="portal")
    thread = ConversationFactory(case=case, patient=case.patient)
    agent = UserFactory(roles=["agent"])
    said = scripts.opening(agent, case)
    assert said is not None
    assert said.lines[0] == f"Hello, this is {shown_name(agent)}."
    assert len(said.lines) == 4
    assert said.seconds is None
    message_in(thread, "I am checking", role="agent")
    assert scripts.opening(agent, case) is None


def test_an_opening_leaves_out_a_name_that_is_not_open_yet() -> None:
    scripts.keep(lead(), script(channel="portal", greeting="Hello {patient_first_name}, {agent_name} here."))
    case, agent = CaseFactory(channel="portal"), UserFactory(roles=["agent"])
    said = scripts.opening(agent, case)
    assert said is not None
    assert said.lines[0] == f"Hello, {shown_name(agent)} here."


def test_who_proved_who_they_are_is_not_asked_again() -> None:
    scripts.keep(lead(), script())
    case = case_with_order()
    case.channel = "phone"
    case.save()
    said = scripts.opening(agent_who_knows(case), case)
    assert said is not None
    assert said.lines[1:] == ["What is it about?"]
    assert said.seconds == 4


def test_a_teams_own_opening_goes_before_the_one_for_all_in_the_customers_language() -> None:
    team = TeamFactory()
    for own in (script(), script(language="es"), script(language="es", reason="¿Y bien?")):
        scripts.keep(lead(), own)
    own.teams.add(team)
    case = CaseFactory(channel="phone", team=team, patient=PatientFactory(language="es"))
    found = scripts.script_for(UserFactory(roles=["agent"]), case)
    assert found is not None
    assert found.reason == "¿Y bien?"


# --- subject lines -------------------------------------------------------------------------------------
def template(**kwargs: Any) -> SubjectTemplate:
    texts = {"text": "Your order {order_number}: {topic} - {needed}", "without_order": "{topic} - {needed}"}
    return SubjectTemplate(**{"code": "docs", "topic": "paperwork", "needed": "please sign"} | texts | kwargs)


def test_a_subject_says_order_topic_and_what_is_needed_and_becomes_the_threads() -> None:
    kept = subjects.keep(lead(), template())
    case = case_with_order()
    thread = ConversationFactory(case=case, patient=case.patient, channel="portal")
    actor = agent_who_knows(case)
    line = subjects.use(actor, case=case, template=kept)
    assert line.text == "Your order DME-1-8: paperwork - please sign"
    assert Case.objects.get(pk=case.pk).subject == line.text
    assert Conversation.objects.get(pk=thread.pk).subject == line.text


def test_where_nobody_is_verified_the_subject_says_nothing_of_the_order() -> None:
    subjects.keep(lead(), template())
    [line] = subjects.offered(UserFactory(roles=["agent"]), case_with_order())
    assert line.text == "paperwork - please sign"


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"topic": "your CPAP"}, "topic"),
        ({"needed": "pay $20"}, "needed"),
        ({"text": "{topic} {needed}"}, "text"),
        ({"text": "{order_number} {topic}"}, "text"),
        ({"text": "{order_number} {topic} {needed} {order_state}"}, "text"),
        ({"without_order": "{order_number} {topic} {needed}"}, "without_order"),
        ({"without_order": "{topic} {needed} {nonsense}"}, "without_order"),
    ],
)
def test_a_subject_that_tells_too_much_or_too_little_is_refused(wrong: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError) as refused:
        subjects.keep(lead(), template(**wrong))
    assert field in refused.value.message_dict


@pytest.mark.parametrize("items", [[], "x", [1], [""], ["x" * 121], ["x"] * 21])
def test_a_checklist_is_some_short_lines(items: Any) -> None:
    with pytest.raises(ValidationError):
        subjects.keep_checklist(lead(), Checklist(code="c", title="t", items=items))


# --- what may leave the house --------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("Hello Marisol, your order DME-1-8 shipped Tue 3 Mar. Call (512) 555-0100 or reply STOP.", []),
        ("C-1-8 is with us, see https://example.org/track/A7030", []),
        ("Your CPAP mask is here", ["equipment"]),
        ("About your sleep apnea", ["illness"]),
        ("Code G47.33 and E0601", ["code"]),
        ("Dr. Lee has signed", ["clinician"]),
        ("You owe $ 20", ["money"]),
        ("SSN 123-45-6789", ["number"]),
        ("Born 4/12/1961, right?", ["birth"]),
        ("Born April 12, 1961, right?", ["birth"]),
        ("Nació el 12 de abril de 1961", ["birth"]),
        ("Dear Ms. Testperson", ["name"]),
        ("We come to 12 sample  street", ["address"]),
        ("Your Whisper Air 3000 shipped", ["equipment"]),
    ],
)
def test_what_is_found_in_a_text(text: str, kinds: list[str]) -> None:
    ProductFactory(plain_name="Whisper Air 3000")
    case = case_with_order()
    case.patient.birth_date = date(1961, 4, 12)
    assert outside.found_in(text, case) == kinds


@given(st.text(max_size=400))
def test_searching_any_text_ends(text: str) -> None:
    assert set(outside.found_in(text)) <= set(outside.KINDS)


def email_case(**kwargs: Any) -> tuple[Case, Conversation]:
    case = CaseFactory(channel="email", **kwargs)
    return case, ConversationFactory(case=case, patient=case.patient, channel="email")


def test_a_reply_by_email_that_tells_too_much_is_not_sent_and_says_what_was_found() -> None:
    _case, thread = email_case()
    with pytest.raises(sending.Unfit) as refused:
        conversations.reply(UserFactory(roles=["agent"]), conversation=thread, body="Your oxygen costs $30")
    assert refused.value.kinds == ["equipment", "money"]
    assert "oxygen" not in refused.value.detail
    assert not Message.objects.exists()
    conversations.note(UserFactory(roles=["agent"]), conversation=thread, body="Their oxygen costs $30")
    conversations.reply(UserFactory(roles=["agent"]), conversation=thread, body="We call you tomorrow.")


def test_it_goes_through_the_portal_with_a_notice_that_says_nothing() -> None:
    case, _thread = email_case(patient=patient_with_user())
    agent = UserFactory(roles=["agent"])
    stored = sending.through_portal(agent, case=case, body="Your oxygen costs $30")
    message = Message.objects.get(pk=stored.id)
    assert (message.conversation.channel, message.conversation.customer) == ("portal", case.patient.user)
    assert Notice.objects.get(message=message).state == "due"
    again = sending.through_portal(agent, case=case, body="And it comes on Monday.")
    assert again.conversation_id == stored.conversation_id


def test_without_a_sign_in_there_is_no_way_through_the_portal() -> None:
    case, _thread = email_case()
    with pytest.raises(ValidationError):
        sending.through_portal(UserFactory(roles=["agent"]), case=case, body="x")
    with pytest.raises(PermissionDenied):
        sending.through_portal(UserFactory(roles=["qa"]), case=case, body="x")


# --- what a supplier begins with -----------------------------------------------------------------------
def test_defaults_can_all_be_used_and_are_never_put_back() -> None:
    added = defaults.install()
    assert added == len(defaults.CHECKLISTS) * 2 + len(defaults.REPLIES) * 2 + len(defaults.SUBJECTS) * 2 + (
        len(defaults.OPENINGS) + len(defaults.MACROS) + 1
    )
    assert CannedReply.objects.filter(language="en").count() >= 30
    assert Macro.objects.count() == 5
    assert Survey.objects.get().active
    greeting = CannedReply.objects.get(shortcut="hello", language="en")
    greeting.title = "Ours"
    wording.keep(lead(), greeting)
    assert defaults.install() == 0
    greeting.refresh_from_db()
    assert (greeting.title, greeting.version) == ("Ours", 2)


def test_default_replies_say_the_same_facts_in_both_languages() -> None:
    from cases import facts

    for ready in defaults.REPLIES.values():
        english, spanish = map(facts.named_in, ready.bodies)
        assert english == spanish
