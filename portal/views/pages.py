"""What every page of the portal begins with: whose record, in whose language and time zone, on the trail."""

from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any, Concatenate

from django.conf import settings
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import render
from django.utils import timezone, translation
from django.utils.translation import gettext_lazy as _

from config.security import audit
from portal import access_trail, records
from portal.access import PATIENT_REALM, door
from portal.records import Record

CHOSEN = "record"

# How pages, and rows that were written, read in "Who saw my record".
ROWS = {
    "portal.patient": _("Your details"),
    "portal.caregiver": _("Somebody who helps you"),
    "portal.consent": _("Contact choices"),
    "portal.contactchange": _("A change of contact"),
    "portal.emergencyaccess": _("Emergency access"),
    "portal.verification": _("Who you are"),
    "portal.verificationlock": _("Locked after too many failures"),
    "portal.dataexport": _("Copy of all data"),
    "portal.device": _("A device"),
    "portal.diagnosis": _("A diagnosis"),
    "portal.document": _("A document"),
    "portal.invitation": _("An invitation"),
    "portal.orderline": _("An item of an order"),
    "portal.ordermilestone": _("A step of an order"),
    "portal.prescription": _("A prescription"),
    "portal.shipment": _("A shipment"),
    "portal.shipmentevent": _("News of a shipment"),
    "portal.shipmentline": _("An item of a shipment"),
    "portal.upload": _("A file on its way to us"),
    "document": _("A document"),
    "thumbnail": _("A small picture of a document"),
    "unfinished uploads": _("A file on its way to us"),
}
PAGES = {
    "portal.home": _("Home page"),
    "portal.orders": _("Orders"),
    "portal.order": _("An order"),
    "portal.devices": _("Devices"),
    "portal.documents": _("List of documents"),
    "portal.profile": _("Profile"),
    "portal.contacts": _("Contact choices"),
    "portal.agent_code": _("Code for an agent"),
    "portal.caregivers": _("People who help"),
    "portal.who_saw": _("Who saw this record"),
    "my_data": _("Copy of all data"),
    "my_data.ask": _("Copy of all data"),
    "my_data.passphrase": _("Passphrase of the copy"),
    "my_data.download": _("Copy of all data"),
}
VERIFYING = {
    "record": _("Your whole record"),
    "identifiers": _("What a caller said of themselves"),
    "chat_form": _("What somebody typed in the chat"),
    "registration": _("Opening an account"),
    "portal_code": _("The code from your portal"),
    "sent_code": _("The code we sent you"),
    "call_back": _("A call back to your phone"),
    "code sent by sms": _("A code sent to your phone"),
    "code sent by email": _("A code sent to your e-mail"),
    "locked": _("Locked after too many failures"),
    "portal code shown": _("The code from your portal"),
}
access_trail.THINGS.update(ROWS | PAGES | VERIFYING)
access_trail.PURPOSES["review"] = lambda _number: _("Checking a document that was sent")

Page = Callable[Concatenate[HttpRequest, Record, ...], HttpResponseBase]
View = Callable[..., HttpResponseBase]


def page(
    scope: str = "any",
    *,
    permission: str = "portal.use",
    step_up: bool = False,
    without: str = "",
    extends_session: bool = True,
) -> Callable[[Page], View]:
    """A page of the patient realm about the chosen record. Outside a caregiver's ``scope`` there is no page.

    ``without``: the template for people to whom no record is open (any more). ``extends_session=False``: the
    page asks for it by itself.
    """

    def open_up(view: Page) -> View:
        @door(permission, realm=PATIENT_REALM, step_up=step_up, extends_session=extends_session)
        @wraps(view)
        def shown(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            _speak(request)
            record = _record_of(request)
            if record is None and without:
                return render(request, without)
            if record is None or not record.may(scope):
                raise Http404
            behalf = None if record.own else record.patient.pk
            with timezone.override(record.patient.time_zone), audit.acting(on_behalf_of=behalf):
                return view(request, record, *args, **kwargs)

        return shown

    return open_up


def _record_of(request: HttpRequest) -> Record | None:
    known = records.of(request.user)  # type: ignore[arg-type]
    record = records.choose(known, request.session.get(CHOSEN, ""))
    request.records, request.record = known, record  # type: ignore[attr-defined]
    return record


def _speak(request: HttpRequest) -> None:
    """In the person's own language, unless this browser was told another."""
    if settings.LANGUAGE_COOKIE_NAME not in request.COOKIES:
        translation.activate(request.user.language)  # type: ignore[union-attr]


def seen(record: Record, what: str, objects: Iterable[Model] = ()) -> None:
    """Put the page on the trail, before it is shown."""
    audit.read([record.patient], what, objects=objects)
