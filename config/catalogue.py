"""The catalogue of sentences: what templates and code ask gettext for, and the Spanish for it.

No gettext program is needed: sentences are found by Django's own template parser and Python's, and the
compiled ``.mo`` is written by polib, a package of the development set.
"""

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.template import Template
from django.template.base import Lexer, TokenType
from django.templatetags.i18n import BlockTranslateNode, TranslateNode

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "templates/locale/es/LC_MESSAGES"
SOURCE, COMPILED = FOLDER / "django.po", FOLDER / "django.mo"

# Pages and modules that staff alone see stay in English.
STAFF_TEMPLATES = ("agents/", "admin/")
CODE = ("config", "portal", "cases", "billing")
STAFF_CODE = re.compile(
    r"/(admin\w*|management|synthetic|sandbox|migrations|checks\.py|admin_site\.py)(/|$|\.)"
)
# Modules of the desk's own work: no page, mail or message to a patient holds their words.
STAFF_MODULES = frozenset(
    {
        "cases/callbacks.py",
        "cases/canned.py",
        "cases/chain_check.py",
        "cases/clock_words.py",
        "cases/complaint_reminders.py",
        "cases/complaints.py",
        "cases/defaults/escalation.py",
        "cases/duty.py",
        "cases/escalation.py",
        "cases/forms_playbooks.py",
        "cases/incident_runs.py",
        "cases/incidents.py",
        "cases/macro_steps.py",
        "cases/macros.py",
        "cases/models/calendars.py",
        "cases/models/callbacks.py",
        "cases/models/complaints.py",
        "cases/models/escalation.py",
        "cases/models/incidents.py",
        "cases/models/playbooks.py",
        "cases/models/rota.py",
        "cases/models/sla.py",
        "cases/models/surveys.py",
        "cases/models/words.py",
        "cases/opening.py",
        "cases/outside.py",
        "cases/paging.py",
        "cases/playbook_actions.py",
        "cases/playbook_checks.py",
        "cases/playbook_content.py",
        "cases/playbook_drafts.py",
        "cases/playbook_versions.py",
        "cases/playbook_words.py",
        "cases/playbooks.py",
        "cases/rota.py",
        "cases/rota_warnings.py",
        "cases/scripts.py",
        "cases/search.py",
        "cases/sending.py",
        "cases/sla.py",
        "cases/subjects.py",
        "cases/webhooks.py",
        "cases/wording.py",
        "portal/duplicates.py",
        "portal/emergency.py",
        "portal/intake.py",
        "portal/models/intake.py",
        "portal/models/verification.py",
        "portal/patient_merges.py",
        "portal/stays.py",
    }
)

PLAIN = {"_", "gettext", "gettext_lazy", "gettext_noop"}
COUNTED = {"ngettext", "ngettext_lazy"}
NAMED = {"pgettext", "pgettext_lazy"}
IN_TAG = re.compile(r"""_\((?:"([^"]+)"|'([^']+)')\)""")


@dataclass(frozen=True, order=True)
class Sentence:
    """What gettext is asked for: the text, its plural where it counts, and a context where one is given."""

    text: str
    plural: str = ""
    context: str = ""


def sentences() -> dict[Sentence, list[str]]:
    """Everything a patient may meet, with the files it stands in."""
    found: dict[Sentence, list[str]] = {}
    for path in _templates():
        _note(found, path, in_template(path.read_text()))
    for path in _modules():
        _note(found, path, in_module(path.read_text()))
    return found


def _note(found: dict[Sentence, list[str]], path: Path, asked: Iterable[Sentence]) -> None:
    name = path.relative_to(ROOT).as_posix()
    for sentence in asked:
        places = found.setdefault(sentence, [])
        if name not in places:
            places.append(name)


def _templates() -> list[Path]:
    folder = ROOT / "templates"
    every = sorted(folder.rglob("*.html")) + sorted(folder.rglob("*.txt"))
    return [path for path in every if not path.relative_to(folder).as_posix().startswith(STAFF_TEMPLATES)]


def _modules() -> list[Path]:
    every = [path for name in CODE for path in sorted((ROOT / name).rglob("*.py"))]
    return [path for path in every if not _is_of_the_staff(path.relative_to(ROOT).as_posix())]


def _is_of_the_staff(name: str) -> bool:
    return name in STAFF_MODULES or STAFF_CODE.search(f"/{name}") is not None


def in_template(source: str) -> Iterator[Sentence]:
    for token in Lexer(source).tokenize():
        if token.token_type in {TokenType.BLOCK, TokenType.VAR}:
            yield from (Sentence(double or single) for double, single in IN_TAG.findall(token.contents))
    for node in _walk(Template(source).nodelist):
        if isinstance(node, TranslateNode):
            yield from _translated(node)
        elif isinstance(node, BlockTranslateNode):
            yield _block(node)


def _walk(nodes: Iterable[Any]) -> Iterator[Any]:
    """Every node, those within simple block tags included, which Django's own walk leaves out."""
    for node in nodes:
        yield node
        for name in {*node.child_nodelists, "nodelist"}:
            yield from _walk(getattr(node, name, ()))


def _translated(node: Any) -> Iterator[Sentence]:
    if isinstance(text := node.filter_expression.var.literal, str):
        yield Sentence(text, context=_resolved(node.message_context))


def _block(node: Any) -> Sentence:
    singular, _variables = node.render_token_list(node.singular)
    plural, _variables = node.render_token_list(node.plural)
    return Sentence(_trimmed(node, singular), _trimmed(node, plural), _resolved(node.message_context))


def _trimmed(node: Any, text: str) -> str:
    return " ".join(line.strip() for line in text.strip().splitlines()) if node.trimmed else text


def _resolved(context: Any) -> str:
    return str(context.resolve({})) if context else ""


def in_module(source: str) -> Iterator[Sentence]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            texts = [
                part.value
                for part in node.args
                if isinstance(part, ast.Constant) and isinstance(part.value, str)
            ]
            yield from _asked(name, texts)


def _asked(name: str, texts: list[str]) -> Iterator[Sentence]:
    if name in PLAIN and texts:
        yield Sentence(texts[0])
    elif name in COUNTED and len(texts) == 2:
        yield Sentence(texts[0], plural=texts[1])
    elif name in NAMED and len(texts) == 2:
        yield Sentence(texts[1], context=texts[0])
