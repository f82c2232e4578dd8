"""The whole story on a running demo: a card is sent, a chat is had, the trail is read, by three people at once."""

import re
import uuid
from io import BytesIO

import pytest
from PIL import Image, ImageDraw
from playwright.sync_api import Page, expect

from tests.browser.visitors import ARRIVED, Running, axe, begin_chat, chat_of, write

pytestmark = [pytest.mark.browser, pytest.mark.timeout(480)]

QUESTION = f"Is my card {uuid.uuid4().hex[:8]} readable?"
ANSWER = "Yes, both sides are fine."
NOTE = "Card checked, the plan ends in December."


def card(side: str) -> bytes:
    """A made-up insurance card."""
    image = Image.new("RGB", (1000, 630), "#dfeef2")
    ImageDraw.Draw(image).text((60, 60), f"SAMPLE HEALTH PLAN - {side} - SYNTHETIC", fill="black")
    out = BytesIO()
    image.save(out, "JPEG")
    return out.getvalue()


def send_card(page: Page, side: str) -> None:
    page.goto("/documents/")
    page.get_by_label("What are you sending?").select_option(label=f"Insurance card, {side}")
    name = f"{uuid.uuid4().hex[:8]}-{side}.jpg"
    page.locator("#id_file").set_input_files([{"name": name, "mimeType": "image/jpeg", "buffer": card(side)}])
    row = page.locator(".rows li", has_text=name).first
    expect(row).to_be_visible()
    for _ in range(20):
        if ARRIVED.search(row.inner_text()):
            return
        page.wait_for_timeout(500)
        page.reload()
    raise AssertionError(row.inner_text())


def come_online(agent: Page) -> None:
    agent.goto("/console/views/chats/")
    with agent.expect_response("**/presence/"):
        agent.get_by_label("My availability").select_option("online")


def accept_chat(agent: Page) -> None:
    """From the queue, which shows the chat without being asked."""
    row = agent.locator("#queue a.queue-row", has_text=QUESTION).first
    expect(row).to_be_visible()
    assert axe(agent) == []
    row.click()
    agent.get_by_role("button", name="Accept chat").click()
    expect(agent.get_by_role("button", name="Accept chat")).to_have_count(0)
    expect(agent.locator("#thread")).to_contain_text(QUESTION)


def say(agent: Page, kind: str, text: str) -> None:
    agent.locator(f".compose-tabs [data-kind={kind}]").click()
    agent.locator("#composer-body").fill(text)
    agent.locator("[data-send]").click()
    expect(agent.locator("#thread")).to_contain_text(text)


def close_case(agent: Page) -> None:
    agent.get_by_role("button", name="Close case").click()
    dialog = agent.locator("#work")
    dialog.get_by_label("How it ended").select_option(index=1)
    dialog.get_by_label("What it was about").select_option(index=1)
    dialog.get_by_label(re.compile("Next step")).fill("Nothing is left to do.")
    assert axe(agent) == []
    dialog.get_by_role("button", name="Close").last.click()
    expect(agent.locator(".case-line")).to_contain_text("Closed")


def test_patient_agent_and_supervisor(demo: Running) -> None:
    """R-DOC, R-CHAT-1, R-CONS, R-SEC-2: sent, seen live, answered, noted, closed, and all of it on the trail."""
    patient, agent = demo.person("patient", "phone"), demo.person("agent", "wide")
    send_card(patient, "front")
    send_card(patient, "back")

    come_online(agent)
    frame = chat_of(patient)
    assert axe(frame) == []
    begin_chat(frame)
    write(frame, QUESTION)
    accept_chat(agent)
    expect(frame.locator("[data-part=with]")).to_contain_text("Alex")
    say(agent, "reply", ANSWER)
    expect(frame.locator("[data-part=thread]")).to_contain_text(ANSWER)
    say(agent, "note", NOTE)
    write(frame, "Thank you!")
    expect(agent.locator("#thread")).to_contain_text("Thank you!")
    assert axe(frame) == []
    close_case(agent)
    expect(frame.locator("[data-part=ended]")).to_be_visible()
    assert NOTE not in frame.inner_text("body")
    frame.get_by_role("button", name="Hide the chat").click()
    _the_patient_reads(patient)
    _the_supervisor_reads(demo)
    assert demo.told() == []
    for page in (patient, agent):
        page.context.close()


def _the_patient_reads(patient: Page) -> None:
    """Who saw the record; the thread holds the answer and not the note."""
    patient.goto("/who-saw-my-record/")
    expect(patient.locator("tbody th", has_text="Alex Agent").first).to_be_visible()
    patient.goto("/messages/")
    patient.locator("main .links a").first.click()
    said = patient.locator("[role=log]")
    expect(said).to_contain_text(ANSWER)
    assert NOTE not in said.inner_text()


def _the_supervisor_reads(demo: Running) -> None:
    """The trail tells who read; the record stays hidden until a reason is given, and that is told too."""
    page = demo.person("supervisor", "wide")
    page.goto("/admin/portal/accessentry/?realm=staff")
    trail = page.locator("#result_list")
    expect(trail).to_contain_text("Alex Agent")
    page.goto("/admin/portal/patient/")
    page.locator("#result_list tbody th a").first.click()
    form = page.locator("#content")
    expect(form).to_contain_text("••••")
    page.get_by_role("link", name="Show masked fields").click()
    assert axe(page) == []
    page.get_by_label("Why do you need to see this?").fill("Checking the address for a returned parcel")
    page.locator(".ask [type=submit]").click()
    expect(form).not_to_contain_text("••••")
    page.goto("/admin/portal/accessentry/?realm=staff&kind__exact=unmask")
    expect(trail).to_contain_text("Sam Supervisor")
    page.context.close()
