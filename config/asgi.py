"""Pages and sockets. The socket routes of the apps are joined here; each consumer guards its own door."""

import os
from typing import Any, cast

from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application
from django.urls import re_path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
pages = get_asgi_application()

from agents.routing import websocket_urlpatterns as console_sockets  # noqa: E402 - the apps load first
from cases.routing import websocket_urlpatterns as chat_sockets  # noqa: E402
from config.checks import refuse_unfit  # noqa: E402
from config.security.bodies import BoundedBodies  # noqa: E402
from config.security.consumers import nowhere  # noqa: E402

refuse_unfit()
sockets = [*chat_sockets, *console_sockets, re_path("", cast(Any, nowhere))]
application = ProtocolTypeRouter(
    {
        "http": BoundedBodies(cast(Any, pages)),
        "websocket": AuthMiddlewareStack(URLRouter(sockets)),
    }
)
