"""What the chat is measured against, in the fewest lines that do the bare job."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

import django

django.setup()

from channels.db import database_sync_to_async  # noqa: E402
from channels.generic.websocket import AsyncWebsocketConsumer  # noqa: E402
from channels.routing import URLRouter  # noqa: E402
from django.db import models  # noqa: E402
from django.urls import path  # noqa: E402

TABLE = "CREATE TABLE floor (id bigserial PRIMARY KEY, room text NOT NULL, body text NOT NULL)"


class Floor(models.Model):
    room = models.TextField()
    body = models.TextField()

    class Meta:
        app_label = "floors"
        db_table = "floor"
        managed = False

    def __str__(self) -> str:
        return f"floor {self.pk}"


class Relay(AsyncWebsocketConsumer):
    """Everybody in the room gets the text, through the channel layer."""

    async def connect(self) -> None:
        self.room = self.scope["url_route"]["kwargs"]["room"]
        await self.channel_layer.group_add(self.room, self.channel_name)
        await self.accept()

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        await self.keep(text_data or "")
        await self.channel_layer.group_send(self.room, {"type": "said", "text": text_data})

    async def keep(self, text: str) -> None:
        """Nowhere."""

    async def said(self, event: dict[str, str]) -> None:
        await self.send(event["text"])


class Insert(Relay):
    """The same, with one INSERT a message by the ORM."""

    async def keep(self, text: str) -> None:
        await database_sync_to_async(Floor.objects.create)(room=self.room, body=text)


class Echo(AsyncWebsocketConsumer):
    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        await self.send(text_data)


def _routed(consumer: type[AsyncWebsocketConsumer]) -> URLRouter:
    return URLRouter([path("ws/<str:room>/", consumer.as_asgi())])


relay, insert, echo = _routed(Relay), _routed(Insert), _routed(Echo)
