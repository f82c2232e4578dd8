"""What the customer's home says of their messages, and what their copy of data holds of them."""

from collections.abc import Iterator
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from cases import inbox
from cases.models import Case, Message
from portal import home, my_data
from portal.models import Patient
from portal.records import Record


def messages_panel(viewer: Any, record: Record) -> home.Panel:
    rows = inbox.folder(inbox.of(viewer, record.patient), "inbox")
    threads: list[Any] = list(rows[: home.SHOWN])
    unread = [thread for thread in threads if thread.is_unread]
    return home.Panel({"threads": threads}, [_unread(unread)] if unread else [])


def _unread(threads: list[Any]) -> home.Todo:
    text = ngettext("You have a new message", "You have %(count)d new messages", len(threads))
    link = reverse("cases:thread", args=[threads[0].pk]) if len(threads) == 1 else reverse("cases:messages")
    return home.Todo(text % {"count": len(threads)}, link, detail=_("From our team"), icon="mail")


def surveys_panel(viewer: Any, record: Record) -> home.Panel:
    """What we would like to know. It comes after the page, which has more urgent things to tell."""
    return home.Panel()


def message_rows(patient: Patient) -> Iterator[dict[str, Any]]:
    """Everything said with the customer; what staff noted among themselves is no part of it."""
    rows = Message.objects.filter(conversation__patient=patient, seq__isnull=False).select_related(
        "conversation"
    )
    for row in rows.order_by("conversation_id", "seq").iterator(chunk_size=500):
        yield {
            "conversation": str(row.conversation_id),
            "channel": row.conversation.channel,
            "subject": row.conversation.subject,
            "number": row.seq,
            "from": row.author_role,
            "name": row.author_name,
            "text": row.body,
            "sent_at": row.sent_at,
        }


def case_rows(patient: Patient) -> Iterator[dict[str, Any]]:
    for case in (
        Case.objects.filter(patient=patient).select_related("reason").order_by("pk").iterator(chunk_size=500)
    ):
        yield {
            "number": case.number,
            "subject": case.subject,
            "about": case.reason.customer_label if case.reason else "",
            "state": case.state,
            "opened_at": case.opened_at,
            "closed_at": case.closed_at,
        }


def fill() -> None:
    """Put this app's card and data into the portal's registries."""
    card = "cases/messages/home_card.html"
    home.register(home.Card("messages", gettext_lazy("Messages"), card, "everything", 30, messages_panel))
    asked = "cases/survey/home_card.html"
    home.register(home.Card("surveys", gettext_lazy("How did we do?"), asked, "own", 70, surveys_panel))
    my_data.register(my_data.Exporter("messages", message_rows))
    my_data.register(my_data.Exporter("cases", case_rows))
