from django.urls import path

from agents.consumers import ConsoleSocket

websocket_urlpatterns = [path("ws/console/", ConsoleSocket.as_asgi())]  # type: ignore[arg-type]
