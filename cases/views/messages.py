"""The customer's messages: folders, threads, writing and answering. Urgent matters go by phone."""

import uuid
from typing import Any

from django.contrib import messages as notices
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from cases import conversations, customer_drafts, inbox, promises
from cases.channels import portal as channel
from cases.drafts import Refused
from cases.forms_portal import ComposeForm, ReplyForm, as_uuid
from cases.models import Conversation, CustomerDraft, Message
from portal import access_trail, saying
from portal.models import Order
from portal.records import Record
from portal.views.pages import page, seen

ROWS = 20
MESSAGES = 50
SCOPE = "everything"
FOLDER_NAMES = {
    "inbox": gettext_lazy("Inbox"),
    "sent": gettext_lazy("Sent"),
    "archived": gettext_lazy("Archived"),
}

access_trail.THINGS.update(
    {
        "cases.messages": gettext_lazy("List of messages"),
        "cases.thread": gettext_lazy("Messages"),
        "cases.message": gettext_lazy("A message"),
        "cases.conversation": gettext_lazy("Messages"),
        "cases.customerdraft": gettext_lazy("A message not sent yet"),
        "cases.case": gettext_lazy("A question or request"),
        "cases.caseevent": gettext_lazy("A question or request"),
        "case context": gettext_lazy("A question or request, with your record"),
        "chat": gettext_lazy("Live chat"),
        "chat joined": gettext_lazy("Live chat"),
        "chat read": gettext_lazy("Live chat"),
    }
)


@page(SCOPE)
@require_safe
def folder(request: HttpRequest, record: Record, name: str = "inbox") -> HttpResponse:
    rows = inbox.folder(inbox.of(request.user, record.patient), name)
    found = Paginator(rows, ROWS).get_page(request.GET.get("page"))
    threads = list(found)
    seen(record, "cases.messages", threads)
    draft = customer_drafts.of(request.user, patient=record.patient)
    shown = {"threads": threads, "page_obj": found, "draft": draft, "tabs": _tabs(name), "folder": name}
    return render(request, "cases/messages/folder.html", shown)


def _tabs(here: str) -> list[dict[str, object]]:
    return [
        {"href": _address(name), "text": text, "here": name == here} for name, text in FOLDER_NAMES.items()
    ]


def _address(name: str) -> str:
    return reverse("cases:messages" if name == "inbox" else f"cases:messages-{name}")


# --- a new message -----------------------------------------------------------------------------------
@page(SCOPE)
@require_http_methods(["GET", "HEAD", "POST"])
def compose(request: HttpRequest, record: Record) -> HttpResponseBase:
    if request.method == "POST":
        return _send_new(request, record)
    draft = customer_drafts.of(request.user, patient=record.patient)
    form = ComposeForm(initial=_begun(draft) | _about_order(request, draft))
    seen(record, "cases.messages")
    return _composing(request, form)


def _begun(draft: CustomerDraft | None) -> dict[str, Any]:
    if draft is None:
        return {"client_id": uuid.uuid4()}
    names = ("client_id", "topic", "subject", "body")
    return {name: getattr(draft, name) for name in names}


def _about_order(request: HttpRequest, draft: CustomerDraft | None) -> dict[str, Any]:
    order = _order(request, as_uuid(request.GET.get("order", "")))
    if order is None or draft is not None:
        return {}
    return {"order": order.ref, "subject": _("Order %(number)s") % {"number": order.number}}


def _order(request: HttpRequest, ref: uuid.UUID | None) -> Order | None:
    record: Record = request.record  # type: ignore[attr-defined]
    rows = Order.objects.visible_to(request.user).filter(ref=ref, patient=record.patient)
    found: Order | None = rows.first() if ref else None
    return found


def _composing(request: HttpRequest, form: ComposeForm) -> HttpResponse:
    shown = {"form": form, "reply_by": promises.reply_by()}
    return render(request, "cases/messages/compose.html", shown, status=422 if form.errors else 200)


def _send_new(request: HttpRequest, record: Record) -> HttpResponseBase:
    form = ComposeForm(request.POST)
    if not form.is_valid():
        return _composing(request, form)
    said = form.cleaned_data
    try:
        received = channel.compose(
            request.user,
            patient=record.patient,
            subject=said["subject"],
            topic=said["topic"],
            body=said["body"],
            documents=form.sent_documents(),
            client_id=said["client_id"],
            order=_order(request, said["order"]),
        )
    except Refused as refusal:
        _say_why(form, refusal)
        return _composing(request, form)
    customer_drafts.discard(request.user, patient=record.patient)
    return _sent(request, received.conversation)


def _say_why(form: ReplyForm, refusal: Refused) -> None:
    """What they wrote stays in the form."""
    if refusal.code != "conflict":
        form.add_error(None, refusal.detail or _("This message could not be sent."))
        return
    form.renew()
    form.add_error(
        None,
        _(
            "A different message was already sent from this form. What you wrote now is still here and not sent yet:"
            " check your messages, then choose Send to send it too."
        ),
    )


def _sent(request: HttpRequest, conversation: Conversation) -> HttpResponseBase:
    when = saying.moment(promises.reply_by())
    notices.success(request, _("Sent. We answer within 4 business hours: by %(when)s.") % {"when": when})
    return redirect("cases:thread", conversation.pk)


# --- a thread ----------------------------------------------------------------------------------------
@page(SCOPE)
@require_http_methods(["GET", "HEAD", "POST"])
def thread(request: HttpRequest, record: Record, ref: uuid.UUID) -> HttpResponseBase:
    conversation = _find(request, record, ref)
    if request.method == "POST":
        return _send_reply(request, record, conversation)
    draft = customer_drafts.of(request.user, patient=record.patient, conversation=conversation)
    form = ReplyForm(
        initial={"body": draft.body, "client_id": draft.client_id} if draft else {"client_id": uuid.uuid4()}
    )
    return _reading(request, record, conversation, form)


def _find(request: HttpRequest, record: Record, ref: uuid.UUID) -> Conversation:
    found = Conversation.objects.visible_to(request.user).filter(patient=record.patient, pk=ref).first()
    if found is None:
        raise Http404
    conversation: Conversation = found
    return conversation


def _reading(
    request: HttpRequest, record: Record, conversation: Conversation, form: ReplyForm
) -> HttpResponse:
    before = request.GET.get("before", "")
    rows = Message.objects.visible_to(request.user).filter(conversation=conversation)
    if before.isdecimal() and len(before) < 10:
        rows = rows.filter(seq__lt=int(before))
    latest = list(rows.order_by("-seq").prefetch_related("attachments__document")[: MESSAGES + 1])
    seen(record, "cases.thread", [conversation])
    said = latest[:MESSAGES][::-1]
    shown = {
        "conversation": conversation,
        "said": said,
        "earlier": said[0].seq if len(latest) > MESSAGES else None,
        "form": form,
        "reply_by": promises.reply_by(),
        "from_us": inbox.FROM_US,
    }
    return render(request, "cases/messages/thread.html", shown, status=422 if form.errors else 200)


def _send_reply(request: HttpRequest, record: Record, conversation: Conversation) -> HttpResponseBase:
    form = ReplyForm(request.POST)
    if not form.is_valid():
        return _reading(request, record, conversation, form)
    said = form.cleaned_data
    try:
        received = channel.reply(
            request.user,
            conversation=conversation,
            body=said["body"],
            documents=form.sent_documents(),
            client_id=said["client_id"],
        )
    except Refused as refusal:
        _say_why(form, refusal)
        return _reading(request, record, conversation, form)
    customer_drafts.discard(request.user, patient=record.patient, conversation=conversation)
    return _sent(request, received.conversation)


@page(SCOPE)
@require_POST
def mark_read(request: HttpRequest, record: Record, ref: uuid.UUID) -> HttpResponseBase:
    """The thread was looked at; its page says so by itself."""
    conversation = _find(request, record, ref)
    if conversation.last_seq:
        conversations.mark_read(request.user, conversation=conversation, seq=conversation.last_seq)
    return HttpResponse(status=204)


@page(SCOPE)
@require_POST
def archive(request: HttpRequest, record: Record, ref: uuid.UUID) -> HttpResponseBase:
    conversation = _find(request, record, ref)
    away = "back" not in request.POST
    inbox.archive(request.user, conversation=conversation, away=away)
    notices.success(
        request, _("Put away. You find it under Archived.") if away else _("Back in your messages.")
    )
    return redirect("cases:messages")


# --- drafts ------------------------------------------------------------------------------------------
@page(SCOPE)
@require_POST
def keep_draft(request: HttpRequest, record: Record, ref: uuid.UUID | None = None) -> HttpResponseBase:
    """What stands in the form, sent by the page within two seconds of a pause."""
    conversation = _find(request, record, ref) if ref else None
    client_id = as_uuid(request.POST.get("client_id", "")) or uuid.uuid4()
    try:
        kept = customer_drafts.keep(
            request.user,
            patient=record.patient,
            conversation=conversation,
            client_id=client_id,
            body=request.POST.get("body", ""),
            subject=request.POST.get("subject", ""),
            topic=request.POST.get("topic", ""),
        )
    except Refused as refusal:
        return JsonResponse({"error": {"code": refusal.code, "detail": refusal.detail}}, status=400)
    return JsonResponse({"kept": kept is not None})


@page(SCOPE)
@require_POST
def discard_draft(request: HttpRequest, record: Record) -> HttpResponseBase:
    customer_drafts.discard(request.user, patient=record.patient)
    notices.success(request, _("Your draft is gone."))
    return redirect("cases:messages")
