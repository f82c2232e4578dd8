"""Hands that have a keyboard and no mouse, at the agents' desk."""

import re

from playwright.sync_api import Locator, Page, expect

from cases.playbook_content import NO, YES
from tests.browser.visitors import code_shown

YES_AND_NO = (YES, NO)


def tab_to(page: Page, target: Locator, most: int = 60) -> None:
    """Tab until ``target`` has the focus: what can't be reached so can't be used without a mouse."""
    expect(target).to_be_visible()
    for _ in range(most):
        if target.evaluate("one => one === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{target} can't be reached by the keyboard.")


def typed(page: Page, target: Locator, words: str) -> None:
    tab_to(page, target)
    page.keyboard.type(words)


def pressed(page: Page, target: Locator, key: str = "Enter") -> None:
    tab_to(page, target)
    page.keyboard.press(key)


def do(page: Page, what: str) -> None:
    """By its name in the palette."""
    page.keyboard.press("Control+k")
    palette = page.locator("#palette")
    expect(palette.get_by_role("searchbox")).to_be_focused()
    page.keyboard.type(what)
    expect(palette.locator("[data-marked]")).to_contain_text(re.compile(re.escape(what), re.I))
    page.keyboard.press("Enter")
    expect(palette).to_be_hidden()


def dialog(page: Page, title: str) -> Locator:
    shown = page.locator("#work")
    expect(shown.get_by_role("heading", level=2).first).to_have_text(title)
    return shown


def acted(page: Page) -> None:
    """What the dialog was for is done: it has closed by itself."""
    expect(page.locator("#work")).to_be_hidden()
    leave_fields(page)


def case_of(page: Page) -> str:
    expect(page.locator("#composer")).to_be_visible()
    return str(page.locator("#case-head").get_attribute("data-case"))


def leave_fields(page: Page) -> None:
    page.keyboard.press("Escape")
    page.evaluate("document.activeElement?.blur()")


def sign_in_by_keys(page: Page, role: str) -> None:
    page.goto("/staff/sign-in")
    typed(page, page.get_by_label("E-mail address"), f"{role}@demo.example")
    typed(page, page.get_by_label("Password", exact=True), f"demo supplier {role} 2026")
    page.keyboard.press("Enter")
    expect(page.locator(".notice", has_text="the code is")).to_be_visible()
    typed(page, page.get_by_label(re.compile("code", re.I)), code_shown(page))
    page.keyboard.press("Enter")
    expect(page).not_to_have_url(re.compile("/sign-in"))


# --- cases -------------------------------------------------------------------------------------------
def _taken_down(page: Page, shown: Locator, subject: str) -> str:
    """The form of a new case, filled in and sent."""
    before = page.locator("#case-head")
    number = before.get_attribute("data-case") if before.count() else ""
    tab_to(page, shown.get_by_label("How they got in touch"))
    tab_to(page, shown.get_by_label("What it is about"))
    page.keyboard.press("ArrowDown")
    typed(page, shown.get_by_label("In a few words"), subject)
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/console/cases/"))
    if number:
        expect(page.locator("#case-head")).not_to_have_attribute("data-case", number)
    return case_of(page)


def new_case(page: Page) -> Locator:
    page.keyboard.press("c")
    shown = dialog(page, "New case")
    expect(page.locator("#new-case-words")).to_be_focused()
    return shown


def a_guests_case(page: Page, subject: str) -> str:
    shown = new_case(page)
    pressed(page, shown.locator("details.guest summary"))
    typed(page, shown.get_by_label("Their name, as they gave it"), "Pat Q")
    return _taken_down(page, shown, subject)


def a_patients_case(page: Page, email: str, subject: str) -> str:
    """Found in the directory, then taken down."""
    shown = new_case(page)
    page.keyboard.type(email)
    pressed(page, shown.locator("#new-case-found button").first)
    expect(shown.get_by_role("heading", name="New case", level=3)).to_be_visible()
    return _taken_down(page, shown, subject)


def answer_a_step(page: Page, form: Locator, known: dict[str, str]) -> None:
    """Give each question of a playbook's step an answer, and go on: what is ``known``, no, or the first choice."""
    revision = form.locator("[name=revision]").input_value()
    answered = set()
    for field in form.locator("select:visible, textarea:visible, input:visible").all():
        name, kind = field.get_attribute("name"), field.evaluate("one => one.type")
        if name in answered:
            continue  # the other choices of a question have one place in the row of Tab
        answered.add(name)
        tab_to(page, field)
        if kind == "select-one":
            page.keyboard.press("ArrowDown")
        elif kind == "radio":
            choices = form.locator(f"[name='{name}']").count()
            page.keyboard.press("ArrowUp" if choices == len(YES_AND_NO) else "Space")
        elif not field.input_value():
            page.keyboard.type("01052026" if kind == "date" else known.get(str(name), "2"))
    pressed(page, form.locator("button.btn-primary"))
    expect(page.locator(f"#work form[action$='/answer/'] [name=revision][value='{revision}']")).to_have_count(
        0
    )
