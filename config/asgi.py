"""Pages and sockets. The socket routes of the apps are joined here; each consumer guards its own door."""

import os
from importlib import import_module
from importlib.util import find_spec

from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
pages = get_asgi_application()

from config.checks import refuse_unfit  # noqa: E402 - the apps must be loaded first

refuse_unfit()
sockets = [
    route
    for app in ("cases", "agents")
    if find_spec(f"{app}.routing")
    for route in import_module(f"{app}.routing").websocket_urlpatterns
]
application = ProtocolTypeRouter({"http": pages, "websocket": AuthMiddlewareStack(URLRouter(sockets))})
