"""``manage.py translations`` gathers the sentences and compiles the Spanish; ``--check`` names what lacks."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import polib  # type: ignore[import-untyped]
from django.core.management.base import BaseCommand, CommandError

from config import catalogue
from config.catalogue import Sentence

HEADER = {
    "Language": "es",
    "MIME-Version": "1.0",
    "Content-Type": "text/plain; charset=utf-8",
    "Content-Transfer-Encoding": "8bit",
    "Plural-Forms": "nplurals=2; plural=(n != 1);",
}


class Command(BaseCommand):
    help = "Gather what patients may read, and compile the Spanish for it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--check", action="store_true", help="change nothing, fail on what is missing or stale"
        )

    def handle(self, *args: Any, check: bool, **options: Any) -> None:
        if check:
            wrong = missing() + stale()
            if wrong:
                raise CommandError("\n".join(wrong))
            return
        written = gather()
        self.stdout.write(f"{len(written)} sentences, {len(written.untranslated_entries())} without Spanish")


def key(entry: polib.POEntry) -> Sentence:
    return Sentence(entry.msgid, entry.msgid_plural or "", entry.msgctxt or "")


def kept() -> dict[Sentence, polib.POEntry]:
    if not catalogue.SOURCE.exists():
        return {}
    return {key(entry): entry for entry in polib.pofile(str(catalogue.SOURCE)) if not entry.obsolete}


def gather() -> polib.POFile:
    """Write the source anew with what is asked for now, and compile it."""
    before, source = kept(), polib.POFile(wrapwidth=110)
    source.metadata = HEADER
    for sentence, places in sorted(catalogue.sentences().items()):
        entry = before.get(sentence) or _new(sentence)
        entry.occurrences = [(place, "") for place in sorted(places)]
        entry.flags = ["python-format"] if "%(" in sentence.text else []
        source.append(entry)
    catalogue.FOLDER.mkdir(parents=True, exist_ok=True)
    source.save(str(catalogue.SOURCE))
    source.save_as_mofile(str(catalogue.COMPILED))
    return source


def _new(sentence: Sentence) -> polib.POEntry:
    plural = {"msgid_plural": sentence.plural, "msgstr_plural": {0: "", 1: ""}} if sentence.plural else {}
    return polib.POEntry(msgid=sentence.text, msgctxt=sentence.context or None, **plural)


def missing() -> list[str]:
    """Sentences a patient could meet in English alone, and where."""
    have = kept()
    lacking = {each: places for each, places in catalogue.sentences().items() if not _done(have.get(each))}
    return [f"{places[0]}: no Spanish for {each.text!r}" for each, places in sorted(lacking.items())]


def _done(entry: polib.POEntry | None) -> bool:
    return entry is not None and entry.translated() and not entry.fuzzy


def stale() -> list[str]:
    """Whether the compiled file says what the source says."""
    compiled = _texts(polib.mofile(str(catalogue.COMPILED)))
    source = _texts(polib.pofile(str(catalogue.SOURCE)).translated_entries())
    return [] if compiled == source else [f"{_name(catalogue.COMPILED)}: stale, run manage.py translations"]


def _texts(entries: Any) -> dict[Sentence, Any]:
    return {key(entry): entry.msgstr_plural or entry.msgstr for entry in entries}


def _name(path: Path) -> str:
    return path.relative_to(catalogue.ROOT).as_posix()
