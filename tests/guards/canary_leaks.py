"""A program that does everything the product must not: a canary into each place where none may be."""

import os
from pathlib import Path

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

import structlog  # noqa: E402 - the settings need Django up
from celery import current_app  # noqa: E402
from django.conf import settings  # noqa: E402
from django.core.cache import cache  # noqa: E402
from django.db import connection  # noqa: E402

from config.integrations import mail, sms  # noqa: E402
from tests.factories import TeamFactory  # noqa: E402
from tests.guards.canaries import word  # noqa: E402


def main() -> None:
    leak = word("planted")
    structlog.get_logger("portal").info(f"Opened the record of {leak}.")
    current_app.send_task("config.tasks.heartbeat", args=[leak], queue="nobody listens")
    cache.set("last patient", leak)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT '{leak}'")
    TeamFactory(name=leak)
    (Path(settings.VAR_DIR) / "notes.txt").write_text(leak)
    mail.send("somebody@example.org", f"About {leak}", "Hello")
    sms.send("+15125550143", f"About {leak}")


if __name__ == "__main__":
    main()
