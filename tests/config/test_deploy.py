"""What config/deploy starts: a worker for each queue, and no open line that production's own checks refuse."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from django.test import override_settings

from config import celery, checks

DEPLOY = Path(__file__).resolve().parents[2] / "config" / "deploy"
QUEUES = {"celery", "partners", "files"}


def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    return found


def of_compose() -> list[list[str]]:
    return [str(part.get("command", "")).split() for part in compose()["services"].values()]


def of_kubernetes() -> list[list[str]]:
    found = yaml.safe_load_all((DEPLOY / "kubernetes" / "portal.yaml").read_text())
    parts = [one["spec"]["template"]["spec"]["containers"] for one in found if one["kind"] == "Deployment"]
    return [[str(word) for word in each.get("command", [])] for part in parts for each in part]


@pytest.mark.parametrize("commands", [of_compose, of_kubernetes])
def test_each_queue_has_a_worker(commands: Any) -> None:
    served = [words[words.index("-Q") + 1] for words in commands() if "worker" in words]
    assert set(served) == QUEUES
    assert celery.queue_of("cases.tasks.send_notice") == {"queue": "partners"}


def socket_of_valkey() -> str:
    words = compose()["services"]["valkey"]["command"].split()
    return str(words[words.index("--unixsocket") + 1])


def seen_by_the_app(path: str) -> str:
    """Where the app finds a file of Valkey's: by the volume that both mount."""
    theirs, ours = (
        dict(mount.split(":")[:2] for mount in compose()["services"][name]["volumes"])
        for name in ("valkey", "web")
    )
    volume, folder = max(
        ((v, f) for v, f in theirs.items() if path.startswith(f"{f}/")), key=lambda one: len(one[1])
    )
    return path.replace(folder, ours[volume], 1)


def test_the_line_to_valkey_stays_on_the_machine() -> None:
    address = compose()["services"]["web"]["environment"]["REDIS_URL"]
    with override_settings(REDIS_URL=address):
        assert "config.E036" not in {one.id for one in checks._only_tls()}
    assert address.split("?")[0].removeprefix("unix://") == seen_by_the_app(socket_of_valkey())
