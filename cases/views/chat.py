"""The chat's HTTP way: to begin one, to talk where no socket opens, to send files, and to be embedded."""

import uuid
from collections.abc import Callable
from functools import partial, wraps
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.shortcuts import redirect
from django.templatetags.static import static
from django.utils import translation
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods, require_POST, require_safe

from cases import asked, chat_files, chat_forms, conversations, frames, history, news, rates
from cases.channels import chat
from cases.drafts import Refused
from cases.models import Conversation
from cases.origins import is_embedder, is_ours
from cases.people import is_staff
from config.security import audit
from config.security.throttle import TooMany
from portal import documents, doors, sessions, uploads
from portal.access import public
from portal.models import Document
from portal.views import uploads as uploading
from portal.views.documents import serve

STATUS = {
    "too_large": 413,
    "forbidden": 403,
    "conflict": 409,
    "out_of_order": 409,
    "closed": 409,
    "rate_limited": 429,
    "unavailable": 503,
}
BEARER = "Bearer "
CHUNK_TYPE = "application/octet-stream"

View = Callable[..., HttpResponseBase]


def answer(refused: Refused, client_id: str | None = None) -> JsonResponse:
    """The ``error`` frame's object, with the status that goes with its code."""
    response = JsonResponse(frames.error(refused, client_id), status=STATUS.get(refused.code, 400))
    if refused.retry_after:
        response.headers["Retry-After"] = str(refused.retry_after)
    return response


def chat_door(view: View, told: Callable[[Refused], JsonResponse] = answer) -> View:
    """For requests that a foreign page could make: Origin is checked, since no CSRF token is asked for.

    ``told`` makes the answer of a refusal.
    """

    @csrf_exempt
    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            _require_origin(request)
            response = view(request, *args, **kwargs)
        except Refused as refused:
            response = told(refused)
        except TooMany as busy:
            response = told(Refused("rate_limited", "Too many tries.", busy.retry_after))
        except PermissionDenied:
            response = told(Refused("forbidden", "This is not yours to do."))
        except (DatabaseError, audit.TrailUnavailable):
            response = told(Refused("unavailable", "Please try again.", retry_after=1))
        response.headers["Cache-Control"] = "no-store"
        return response

    return public(guarded)


def _error(refused: Refused) -> JsonResponse:
    """As ``/chat/start`` says it."""
    body = {"error": {"code": refused.code, "detail": refused.detail}}
    response = JsonResponse(body, status=STATUS.get(refused.code, 400))
    if refused.retry_after:
        response.headers["Retry-After"] = str(refused.retry_after)
    return response


start_door = partial(chat_door, told=_error)


def _require_origin(request: HttpRequest) -> None:
    origin = request.headers.get("Origin")
    if origin is not None and not is_ours(origin, request.get_host()) and not is_embedder(origin):
        raise Refused("forbidden", "This page may not use the chat.")


def _json(request: HttpRequest) -> dict[str, Any]:
    """A foreign form can send neither this content type nor, with it, anything without being asked first."""
    if request.content_type != "application/json":
        raise Refused("invalid", "Content-Type must be application/json.")
    if len(request.body) > asked.BIGGEST_FRAME:
        raise Refused("too_large", "That is too much at once.")
    try:
        return asked.opened(request.body.decode())
    except UnicodeDecodeError:
        raise Refused("invalid", "A frame is a JSON object.") from None


@require_POST
@start_door
def start(request: HttpRequest) -> HttpResponseBase:
    started = chat.start(
        request.user_session,  # type: ignore[attr-defined]
        asked=_json(request),
        language=_language(request),
        session_key=_session_key(request),
        address=request.META.get("REMOTE_ADDR", ""),
    )
    ref = started.conversation.pk
    told = {"conversation": str(ref), "socket": f"/ws/chat/{ref}/", "ticket": started.ticket}
    return JsonResponse(told | {"last_seq": started.conversation.last_seq}, status=201)


def _language(request: HttpRequest) -> str:
    return "es" if (translation.get_language() or "en").startswith("es") else "en"


def _session_key(request: HttpRequest) -> str:
    """The key of the browser's session. A guest of our own page gets one; a foreign page's has the ticket."""
    if is_embedder(request.headers.get("Origin")):
        return ""
    if request.session.session_key is None:
        request.session["chat"] = True
        request.session.save()
    return request.session.session_key or ""


def _known(request: HttpRequest, ref: uuid.UUID) -> tuple[Any, Conversation]:
    entered = _entered(request, ref)
    return entered.who, entered.conversation


def _entered(request: HttpRequest, ref: uuid.UUID) -> chat.Entered:
    """Who asks, and the conversation. Raises Refused where it is not theirs."""
    bearer = request.headers.get("Authorization", "")
    ticket = bearer.removeprefix(BEARER) if bearer.startswith(BEARER) else ""
    user = request.user if request.user.is_authenticated and not ticket else None
    try:
        return chat.enter(ref, user=user, ticket=ticket, session_key=request.session.session_key or "")
    except (chat.SignIn, chat.NotTheirs):
        raise Refused("forbidden", "There is no such conversation.") from None


@require_http_methods(["GET", "POST"])
@chat_door
def messages(request: HttpRequest, ref: uuid.UUID) -> HttpResponseBase:
    return _say(request, ref) if request.method == "POST" else _read(request, ref)


def _say(request: HttpRequest, ref: uuid.UUID) -> HttpResponseBase:
    """The body of ``message.send``, answered by the ack: 201, or 200 where it was stored before."""
    frame: dict[str, Any] = {}
    try:
        frame = _json(request)
        if frame.get("type", "message.send") != "message.send":
            raise Refused("unknown_type", "Only messages can be sent here.")
        said = asked.said(frame)
        entered = _entered(request, ref)
        actor, conversation = entered.who, entered.conversation
        if not asked.means(frame, ref):
            raise Refused("forbidden", "There is no such conversation.")
        rates.take(rates.sender(actor, conversation))
        stored = conversations.write_one(_draft(actor, conversation, said))
    except Refused as refused:
        return answer(refused, asked.named(frame.get("client_id")))
    _used(request, entered.visit)
    return JsonResponse(frames.ack(stored, frame["client_id"]), status=201 if stored.created else 200)


def _draft(actor: Any, conversation: Conversation, said: asked.Said) -> Any:
    return conversations.draft(
        actor,
        conversation,
        body=said.body,
        kind=said.kind,
        client_id=said.client_id,
        prev=said.prev,
        choice=said.choice,
        attachments=said.attachments,
        made_from=said.made_from,
    )


def _used(request: HttpRequest, visit: doors.Visit | None) -> None:
    """The session that spoke lives on: the ticket's, or else the cookie's."""
    session = getattr(request, "user_session", None)
    if visit is not None:
        doors.used_by(visit)
    elif session is not None:
        sessions.used(session)


def _read(request: HttpRequest, ref: uuid.UUID) -> HttpResponseBase:
    actor, conversation = _known(request, ref)
    after, staff_after = (_count(request, name) for name in ("after", "staff_after"))
    found = conversations.messages(actor, conversation=conversation, after=after, staff_after=staff_after)
    told: dict[str, Any] = {"messages": found, "state": news.state_frames([ref])[0]}
    mark = history.past((ref, after, staff_after), found)
    whole = len(found) < history.PAGE
    ends = history.ends(ref)
    told["last_seq"] = ends[0] if whole else mark[1]
    if is_staff(actor):
        told["last_staff_seq"] = min(ends[1], mark[2])
    return JsonResponse(told)


def _count(request: HttpRequest, name: str) -> int:
    text = request.GET.get(name, "0")
    if not text.isdecimal() or len(text) > 10:
        raise Refused("invalid", f"{name} must be a whole number.")
    return asked.count({name: int(text)}, name)


# --- ending it ---------------------------------------------------------------------------------------
@require_POST
@chat_door
def close(request: HttpRequest, ref: uuid.UUID) -> HttpResponseBase:
    """The customer has no more to say."""
    _json(request)
    actor, conversation = _known(request, ref)
    conversations.end(actor, conversation=conversation)
    return JsonResponse(news.state_frames([ref])[0])


@require_POST
@chat_door
def form(request: HttpRequest, ref: uuid.UUID) -> HttpResponseBase:
    """The body of ``form.submit`` where no socket is open, as after the end; answered by ``form.result``."""
    frame = _json(request)
    client_id, (name, values) = str(asked.uuid_of(frame, "client_id")), asked.values(frame)
    actor, conversation = _known(request, ref)
    rates.take(f"forms:{rates.sender(actor, conversation)}")
    result = chat_forms.submit(actor, conversation=conversation, form=name, values=values)
    told = (result.ok, result.detail, result.tries_left)
    return JsonResponse(frames.form_result(ref, client_id, name, *told))


# --- files: as portal/views/uploads.py takes and answers them ----------------------------------------
@require_POST
@chat_door
@uploading.answering
def upload(request: HttpRequest, ref: uuid.UUID) -> HttpResponseBase:
    """Begin a file: ``{"filename", "size", "type"?, "kind"?}``."""
    told = _json(request)
    actor, conversation = _known(request, ref)
    if conversation.state == "closed":
        raise Refused("closed", "This conversation is closed.")
    if not isinstance(told["filename"], str) or type(told["size"]) is not int:
        raise TypeError
    begun = uploads.begin(
        actor,
        kind=str(told.get("kind") or "other"),
        filename=told["filename"],
        size=told["size"],
        declared_type=str(told.get("type") or ""),
        address=request.META.get("REMOTE_ADDR", ""),
        **_owner(actor, conversation),
    )
    return JsonResponse(uploading.progress(begun), status=201)


def _owner(actor: Any, conversation: Conversation) -> dict[str, Any]:
    """A signed-in person's file is the patient's; a guest's belongs to the conversation."""
    purpose = f"case:{conversation.case_id}" if conversation.case_id else ""
    if conversation.patient is not None and actor.pk is not None:
        return {"patient": conversation.patient, "purpose": purpose}
    return {"owner_ref": f"conversation:{conversation.pk}", "purpose": purpose}


@require_http_methods(["GET", "PUT"])
@chat_door
@uploading.answering
def upload_chunk(request: HttpRequest, ref: uuid.UUID, upload_ref: uuid.UUID) -> HttpResponseBase:
    """GET tells how far it is, PUT ``?offset=N`` takes a chunk of at most 2 MiB."""
    actor, _conversation = _known(request, ref)
    if request.method == "GET":
        return JsonResponse(uploading.progress(uploads.find(actor, upload_ref)))
    if request.content_type != CHUNK_TYPE:
        raise Refused("invalid", f"Content-Type must be {CHUNK_TYPE}.")
    found = uploads.add_chunk(actor, upload_ref, offset=_count(request, "offset"), data=request.body)
    return JsonResponse(uploading.progress(found))


@require_POST
@chat_door
@uploading.answering
def upload_finish(request: HttpRequest, ref: uuid.UUID, upload_ref: uuid.UUID) -> HttpResponseBase:
    """All of it is here: accepted for scanning."""
    _json(request)
    actor, _conversation = _known(request, ref)
    document = uploads.finish(actor, upload_ref)
    return JsonResponse(uploading.progress(document.upload), status=202)


@require_safe
@chat_door
def file(request: HttpRequest, ref: uuid.UUID, document: uuid.UUID) -> HttpResponseBase:
    """A file of this conversation, for whoever takes part in it."""
    actor, conversation = _known(request, ref)
    if is_staff(actor):
        raise Refused("forbidden", "Open it from its case.")
    try:
        opened = chat_files.open_file(actor, conversation=conversation, document=document)
    except Document.DoesNotExist:
        raise Refused("forbidden", "There is no such file.") from None
    except documents.NotReadable as refusal:
        raise Refused("unavailable", str(refusal), retry_after=5) from None
    return serve(request, opened)


# --- on a page ---------------------------------------------------------------------------------------
@require_GET
@public
def widget(request: HttpRequest) -> HttpResponseBase:
    """The one script tag's address, which stays the same while the file's name changes with its content."""
    return redirect(static("js/widget-loader.js"))
