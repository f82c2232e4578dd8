"""The rules of the house, held against the whole tree, and each shown to catch what it is for."""

import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from django.apps import apps
from django.core.management import call_command

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


@pytest.mark.django_db
def test_no_migration_is_missing():
    out = StringIO()
    call_command("makemigrations", check=True, dry_run=True, stdout=out)
    assert "No changes" in out.getvalue()


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


@pytest.mark.parametrize("model", OURS, ids=lambda model: model._meta.label)
def test_the_text_of_an_object_holds_no_phi(model):
    """It goes to logs, to admin's history and to the trail."""
    sealed = [field.name for field in model._meta.concrete_fields if isinstance(field, Sealed)]
    row = model(pk=model._meta.pk.get_default() or 1)
    for name in sealed:
        row.__dict__[name] = "Quarrington"
    assert "Quarrington" not in str(row)


def test_every_row_of_a_patient_can_be_asked_for_by_whoever_may_see_it():
    exempt = {
        "portal.Upload",
        "portal.Consent",
        "portal.ContactChange",
        "portal.SourceRecord",
        "portal.Invitation",
    }
    exempt |= {"portal.OneTimeSecret", "portal.DataExport"}
    owned = [model for model in OURS if any(field.name == "patient" for field in model._meta.concrete_fields)]
    without = [m._meta.label for m in owned if not hasattr(m._default_manager.all(), "visible_to")]
    assert set(without) <= exempt
