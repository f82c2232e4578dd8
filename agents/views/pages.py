"""Pages beside the queue: a form that goes through a rule, and the way back with a word on what came of it."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.forms import Form
from django.http import HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render

from agents.views.answers import StaffRequest, blame


def through(
    request: StaffRequest, form: Form, act: Callable[..., Any], *, back: str, said: Any
) -> HttpResponseBase | None:
    """Give what a valid form holds to ``act``. None where it has to be corrected: its errors stand in it."""
    if not form.is_valid():
        return None
    try:
        act(request.user, **form.cleaned_data)
    except ValidationError as error:
        blame(form, error)
        return None
    return home(request, back, said)


def home(request: StaffRequest, back: str, said: Any) -> HttpResponseBase:
    messages.success(request, str(said))
    return HttpResponseRedirect(back)


def pressed(
    request: StaffRequest, act: Callable[..., Any], *, back: str, said: Any, **known: Any
) -> HttpResponseBase:
    """A button without a form: done, or a word on why not."""
    try:
        act(request.user, **known)
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
        return HttpResponseRedirect(back)
    return home(request, back, said)


def shown(request: StaffRequest, template: str, **context: Any) -> HttpResponseBase:
    """The page; 422 where a form on it came back to be corrected."""
    wrong = any(isinstance(value, Form) and value.is_bound and value.errors for value in context.values())
    return render(request, f"agents/floor/{template}.html", context, status=422 if wrong else 200)
