"""The rules of the house, held against the whole tree, and each shown to catch what it is for."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from django.apps import apps
from django.db import models
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState

from config.security import audit
from config.security.fields import Sealed
from tests.guards import house

FILES = list(house.sources())
OURS = [model for app in house.APPS for model in apps.get_app_config(app).get_models()]
PLANTED = [
    (house.right_imports, "portal/orders.py", "def f():\n    from cases import intake"),
    (house.right_imports, "cases/views/chat.py", "import agents.routing"),
    (house.stray_powers, "portal/documents.py", "from cryptography.fernet import Fernet"),
    (house.stray_powers, "cases/tasks.py", "import httpx"),
    (house.stray_powers, "agents/views/queue.py", "from channels.layers import get_channel_layer"),
    (house.heavy_leaves, "cases/signals.py", "from cases.models import Case"),
    (house.writing_surfaces, "portal/views/orders.py", "Order.objects.filter(pk=1).update(state='x')"),
    (house.writing_surfaces, "cases/consumers.py", "message.save()"),
    (house.model_signals, "cases/receivers.py", "from django.db.models.signals import post_save"),
    (house.long_things, "portal/big.py", "x = 1\n" * 401),
    (house.long_things, "portal/long.py", "def f():\n" + "    x = 1\n" * 52),
    (house.prints, "cases/intake.py", "print('body')"),
    (house.foreign_days, "cases/gate.py", "late = day < timezone.localdate()"),
    (house.foreign_days, "portal/stays.py", "today = timezone.now().date()"),
]
RULES = sorted({rule for rule, *_ in PLANTED}, key=lambda rule: rule.__name__)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_tree_keeps_the_rule(rule):
    assert [wrong for file in FILES for wrong in rule(file)] == []


@pytest.mark.parametrize(
    ("rule", "path", "text"), PLANTED, ids=lambda value: getattr(value, "__name__", None)
)
def test_the_rule_catches_a_planted_violation(rule, path, text):
    assert len(rule(house.source(path, text))) >= 1


def test_the_import_line_holds_by_its_own_tool():
    tool = Path(sys.executable).parent / "lint-imports"
    run = subprocess.run([tool, "--no-cache"], cwd=house.ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr


def test_an_import_to_the_right_is_noticed_by_it(tmp_path):
    """The contract of pyproject.toml over a tree of our apps' names, in which the first knows the last."""
    contracts = tomllib.loads((house.ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    layers = contracts["contracts"][0]["layers"]
    for app in layers:
        (tmp_path / app).mkdir()
        (tmp_path / app / "__init__.py").write_text("import agents\n" if app == "config" else "")
    said = ["[importlinter]", "root_packages =", *(f"    {app}" for app in layers)]
    said += ["[importlinter:contract:line]", "name = Imports only go left", "type = layers", "layers ="]
    (tmp_path / "line.ini").write_text("\n".join([*said, *(f"    {app}" for app in layers)]))
    tool = Path(sys.executable).parent / "lint-imports"
    asked = [tool, "--no-cache", "--config", "line.ini"]
    run = subprocess.run(asked, cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 1
    assert "config is not allowed to import agents" in run.stdout


def missing_migrations(state: ProjectState) -> list[str]:
    """Apps whose models are not what their migrations make of them."""
    loader = MigrationLoader(None)
    detector = MigrationAutodetector(loader.project_state(), state)
    return sorted(set(detector.changes(graph=loader.graph)) & set(house.APPS))


def test_no_migration_is_missing():
    assert missing_migrations(ProjectState.from_apps(apps)) == []


def test_a_column_without_a_migration_is_noticed():
    state = ProjectState.from_apps(apps)
    state.add_field("portal", "order", "planted", models.TextField(default=""), preserve_default=True)
    assert missing_migrations(state) == ["portal"]


def unwatched(models, registered, exempt):
    """Models of ours that are neither on the trail nor exempt."""
    return sorted(
        model._meta.label for model in models if model not in registered and model._meta.label not in exempt
    )


def stale(exempt, models, registered):
    """Exemptions of models that are watched after all, or gone."""
    watched = {model._meta.label for model in registered}
    known = {model._meta.label for model in models}
    return sorted(label for label in exempt if label in watched or label not in known)


def test_every_model_is_watched_by_the_trail_or_exempt_with_a_reason():
    registered = set(audit.registered())
    everything = list(apps.get_models())
    assert unwatched(OURS, registered, audit.EXEMPT) == []
    assert stale(audit.EXEMPT, everything, registered) == []
    assert all(len(reason) > 10 for reason in audit.EXEMPT.values())


def test_an_unwatched_model_and_a_stale_exemption_are_noticed():
    patient = apps.get_model("portal.Patient")
    assert unwatched([patient], set(), {}) == ["portal.Patient"]
    assert stale({"portal.Gone": "was here once upon a time"}, [patient], set()) == ["portal.Gone"]
    assert stale({"portal.Patient": "exempt and watched at once"}, [patient], {patient}) == ["portal.Patient"]


def tells_phi(model):
    """Whether the text of an object shows what one of its sealed columns holds."""
    sealed = [field.name for field in model._meta.concrete_fields if isinstance(field, Sealed)]
    row = model(pk=model._meta.pk.get_default() or 1)
    for name in sealed:
        row.__dict__[name] = "Quarrington"
    return "Quarrington" in str(row)


@pytest.mark.parametrize("model", OURS, ids=lambda model: model._meta.label)
def test_the_text_of_an_object_holds_no_phi(model):
    """It goes to logs, to admin's history and to the trail."""
    assert not tells_phi(model)


def test_a_text_that_tells_a_name_is_noticed(monkeypatch):
    patient = apps.get_model("portal.Patient")
    assert not tells_phi(patient)
    monkeypatch.setattr(patient, "__str__", lambda self: f"patient {self.last_name}")
    assert tells_phi(patient)


NEVER_LISTED = {
    "portal.Upload": "found by its address and whoever began it",
    "portal.Consent": "read through its patient by the rule",
    "portal.ContactChange": "read through its patient by the rule",
    "portal.SourceRecord": "where a record came from, which no page lists",
    "portal.Invitation": "found by the digest of its token",
    "portal.LookAlike": "two records beside each other, by a permission of their own",
    "portal.PatientMerge": "two records beside each other, by a permission of their own",
    "portal.OneTimeSecret": "found by the digest of its token",
}


def of_a_patient(model):
    """Whether a column of the model, whatever it is called, points to a patient."""
    patient = apps.get_model("portal.Patient")
    return any(field.related_model is patient for field in model._meta.concrete_fields)


def unaskable(models):
    """Models with rows of a patient that can't be narrowed to who may see them."""
    return {
        m._meta.label
        for m in models
        if of_a_patient(m) and not hasattr(m._default_manager.all(), "visible_to")
    }


def test_every_row_of_a_patient_can_be_asked_for_by_whoever_may_see_it():
    """Equal, and no less: an exemption that is no longer needed goes."""
    assert unaskable(OURS) == set(NEVER_LISTED)
    assert all(len(reason) > 10 for reason in NEVER_LISTED.values())


def test_a_row_that_cannot_be_asked_for_is_noticed(monkeypatch):
    order = apps.get_model("portal.Order")
    assert unaskable([order]) == set()
    monkeypatch.setattr(type(order._default_manager), "all", lambda self: object())
    assert unaskable([order]) == {"portal.Order"}
