"""Small playbooks for tests, in force."""

from typing import Any

from cases.defaults.playbooks.writing import (
    ask,
    close,
    field,
    identify,
    not_verified,
    playbook,
    say,
    tell,
    to,
    yesno,
)
from cases.models import Playbook, PlaybookVersion
from cases.playbook_versions import publish_ready_made


def small(**changes: Any) -> dict[str, Any]:
    """Greeting, a check of who it is, a question with a branch, an answer."""
    made = playbook(
        "small",
        "Small matter",
        "To see the parts of a playbook work.",
        reasons=[],
        fields=[
            field("pain", "Where it hurts", phi=True, what="clinical"),
            field("nights", "Nights without it", "number", least="0", most="99", required=False),
            yesno("urgent", "Is it urgent"),
        ],
        escalation=[("manager", "It goes on.")],
        steps=[
            say("hello", "Say hello", ("Hello from {supplier_name}.", "Hola de {supplier_name}."), required=False),
            identify(),
            ask(
                "questions",
                "Ask what it is",
                ["pain", "nights", "urgent"],
                ("Where does it hurt?", "¿Dónde le duele?"),
                branches=[to("hurry", "It is urgent", ("urgent", "equals", "yes"))],
            ),
            tell(
                "calm",
                "Answer calmly",
                ("{patient_first_name}: {order_number}. {nights} nights.", "{patient_first_name}: {order_number}."),
                level=1,
                next="close",
            ),
            tell("hurry", "Answer fast", ("At once.", "De inmediato."), next="close"),
            not_verified(),
            close(),
        ],
    )  # fmt: skip
    content: dict[str, Any] = made["content"] | changes
    return content


def in_force(code: str = "small", title: str = "Small matter", **changes: Any) -> Playbook:
    made = Playbook.objects.create(code=code, title=title)
    publish_ready_made(made, small(**changes))
    return made


def version_of(playbook: Playbook) -> PlaybookVersion:
    return playbook.versions.order_by("-number")[0]
