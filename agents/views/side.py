"""The dialog of side conversations: its threads, and what is written next."""

from django import forms
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_POST

from agents import side
from agents.models import SideConversation, SideMessage
from agents.views.answers import StaffRequest
from agents.views.cases import opened
from cases.models import Case
from config.contacts import mailable
from portal.access import door


class NewSideForm(forms.Form):
    party = forms.ChoiceField(label=_("With"), choices=SideConversation.PARTIES)
    name = forms.CharField(label=_("Their name"), max_length=120)
    address = forms.EmailField(label=_("E-mail address"), validators=[mailable])
    body = forms.CharField(
        label=_("What you ask of them"),
        max_length=side.LONGEST,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=_("Nothing of the patient may stand here: name the case or the order by its number."),
    )


class SayOnForm(forms.Form):
    body = forms.CharField(
        label=_("Write on"), max_length=side.LONGEST, widget=forms.Textarea(attrs={"rows": 3})
    )


@require_http_methods(["GET", "POST"])
@door("cases.work", realm="staff")
def threads(request: StaffRequest, number: str) -> HttpResponseBase:
    """All threads of a case, and a new one."""
    case = opened(request, number, "case: side conversations")
    if request.method != "POST":
        return _shown(request, case, NewSideForm())
    form = NewSideForm(request.POST)
    if form.is_valid():
        try:
            side.start(request.user, case=case, **form.cleaned_data)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            return _shown(request, case, NewSideForm())
    return _shown(request, case, form, status=422)


@require_POST
@door("cases.work", realm="staff")
def seen(request: StaffRequest, number: str) -> HttpResponseBase:
    """The threads stand before the agent: what came in on them is read."""
    side.seen(request.user, case=opened(request, number, "case: side conversations"))
    return HttpResponse(status=204)


@require_POST
@door("cases.work", realm="staff")
def say(request: StaffRequest, number: str, ref: str) -> HttpResponseBase:
    case = opened(request, number, "case: side conversations")
    form = SayOnForm(request.POST)
    try:
        thread = side.one(request.user, case, ref)
        if form.is_valid():
            side.say(request.user, side=thread, body=form.cleaned_data["body"])
            return _shown(request, case, NewSideForm())
    except SideConversation.DoesNotExist:
        raise Http404 from None
    except ValidationError as error:
        form.add_error(None, error)
    return _shown(request, case, NewSideForm(), said_on=(thread.pk, form), status=422)


@require_POST
@door("cases.work", realm="staff")
def again(request: StaffRequest, number: str, ref: str, message: int) -> HttpResponseBase:
    """A mail that was given up goes once more."""
    case = opened(request, number, "case: side conversations")
    try:
        thread = side.one(request.user, case, ref)
        side.again(request.user, message=thread.messages.get(pk=message))
    except (SideConversation.DoesNotExist, SideMessage.DoesNotExist):
        raise Http404 from None
    except ValidationError as error:
        return _shown(request, case, NewSideForm(), status=422, refused=error.messages)
    return _shown(request, case, NewSideForm())


def _shown(
    request: StaffRequest,
    case: Case,
    form: NewSideForm,
    *,
    said_on: tuple[int, SayOnForm] | None = None,
    status: int = 200,
    refused: list[str] | None = None,
) -> HttpResponseBase:
    """Each thread with the form to write on in it; one that came back keeps what was written."""
    forms_of = [
        (
            thread,
            said_on[1] if said_on and said_on[0] == thread.pk else SayOnForm(auto_id=f"id_{thread.pk}_%s"),
        )
        for thread in side.of(request.user, case)
    ]
    shown = {"case": case, "form": form, "threads": forms_of, "refused": refused}
    return render(request, "agents/case/side.html", shown, status=status)
