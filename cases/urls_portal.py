"""The addresses of the customer's messages. ``cases.urls`` puts them among its own."""

from django.urls import path

from cases.views import messages

urlpatterns = [
    path("messages/", messages.folder, name="messages"),
    path("messages/sent/", messages.folder, {"name": "sent"}, name="messages-sent"),
    path("messages/archived/", messages.folder, {"name": "archived"}, name="messages-archived"),
    path("messages/new/", messages.compose, name="compose"),
    path("messages/new/draft", messages.keep_draft, name="draft"),
    path("messages/new/draft/discard", messages.discard_draft, name="draft-discard"),
    path("messages/<uuid:ref>/", messages.thread, name="thread"),
    path("messages/<uuid:ref>/read", messages.mark_read, name="thread-read"),
    path("messages/<uuid:ref>/archive", messages.archive, name="thread-archive"),
    path("messages/<uuid:ref>/draft", messages.keep_draft, name="thread-draft"),
]
