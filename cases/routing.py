from django.urls import path

from cases.consumers import VisitorSocket

websocket_urlpatterns = [path("ws/chat/<uuid:ref>/", VisitorSocket.as_asgi())]  # type: ignore[arg-type]
