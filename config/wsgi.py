"""Pages by WSGI workers, from the same code base as the sockets (config/asgi.py)."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
application = get_wsgi_application()

from config.checks import refuse_unfit  # noqa: E402 - the apps must be loaded first

refuse_unfit()
