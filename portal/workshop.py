"""What every page of the workshop (Django admin) shares: rights from the one table, PHI behind dots.

A field that is encrypted shows as dots. Whoever may unmask types a reason, which goes on the access trail;
from then on for a quarter of an hour that one record shows, each showing an entry of its own. Nothing is
deleted here, and what a rule exists for goes through the rule.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.exceptions import DisallowedModelAdminLookup
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.db import models
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path, reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from config.security import audit
from config.security.fields import sealed_fields
from portal import sessions
from portal.access import allowed, require

DOTS = "••••••"
SHOWN_FOR = timedelta(minutes=15)
REASON_LENGTH = 10
SESSION_KEY = "unmasked"


class ReasonForm(forms.Form):
    reason = forms.CharField(
        label=_("Why do you need to see this?"),
        help_text=_(
            "At least ten characters. It goes on the access trail, and the patient can see that you looked."
        ),
        min_length=REASON_LENGTH,
        max_length=400,
        widget=forms.Textarea(attrs={"rows": 3, "cols": 60}),
    )


class OfferedList(ChangeList):
    """A list that is narrowed by what its page offers and by nothing else.

    Whatever else could be asked of an address would be answered yes or no about rows and fields that the
    page hides, those of other tables too, with names in the address and no entry on the trail.
    """

    def get_filters(self, request: HttpRequest) -> Any:
        if any("\0" in value for values in request.GET.lists() for value in values[1]):
            raise SuspiciousOperation("NUL in a filter")
        try:
            specs, has_filters, left, *more = super().get_filters(request)
        except (ValueError, OverflowError) as error:
            raise IncorrectLookupParameters from error
        if left.keys() & self.get_filters_params().keys():
            raise DisallowedModelAdminLookup("No filter of this page asks that.")
        return specs, has_filters, left, *more


class WorkshopAdmin(admin.ModelAdmin):
    """Base of our admin pages. ``sees`` and ``works`` name permissions; without ``works`` it is read-only.

    Whoever holds ``works`` (or ``belongs_to``, for a page that rules alone change) sees the page; the others
    need ``workshop.view`` beside ``sees``.
    ``whose`` gives the patient (or their id) a row is about, for the trail.
    """

    in_workshop = True
    sees = "workshop.view"
    works: str | None = None
    belongs_to: str | None = None
    adds = False
    behind_reason: tuple[str, ...] = ()  # rows shown with it that hide as its encrypted fields do
    list_per_page = 50
    show_full_result_count = False

    def whose(self, obj: Any) -> Any:
        return getattr(obj, "patient_id", None)

    # --- lists -------------------------------------------------------------------------------------
    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return OfferedList

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """A list that shows whose rows they are is an entry on the trail, one for the page."""
        response = super().changelist_view(request, extra_context)
        shown = getattr(response, "context_data", None) or {}
        if request.method == "GET" and "cl" in shown:
            self._tell_list(shown["cl"].result_list)
        return response

    def _tell_list(self, rows: Any) -> None:
        whose = {self.whose(row) for row in rows} - {None}
        if whose:
            audit.read(whose, f"{self.model._meta.label_lower} list")

    # --- rights ------------------------------------------------------------------------------------
    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        own = self.works or self.belongs_to
        if own is not None and allowed(request.user, own):
            return True
        return allowed(request.user, "workshop.view") and allowed(request.user, self.sees)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Rows with encrypted fields are changed by rules alone: a masked page must never be saved back."""
        return self.works is not None and not self.sealed and allowed(request.user, self.works)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.adds and self.has_change_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        require(request.user, self.works or "closed")
        super().save_model(request, obj, form, change)

    # --- masking -----------------------------------------------------------------------------------
    @property
    def sealed(self) -> list[str]:
        """Names of the encrypted fields, in their order."""
        return [f.name for f in sealed_fields(self.model)]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        derived = {"BlindIndexField", "SearchTokensField"}
        return [
            field.name
            for field in self.model._meta.concrete_fields
            if not field.primary_key
            and type(field).__name__ not in derived
            and field.name not in (self.exclude or ())
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Encrypted fields are never edited here: their changes have rules and pages of their own."""
        fixed = [field.name for field in self.model._meta.concrete_fields if not field.editable]
        return [*self.readonly_fields, *self.sealed, *fixed]

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        obj = super().get_object(request, object_id, from_field)
        if obj is not None and self.sealed and not self._shown(request, obj):
            self._mask(obj)
        return obj

    def _mask(self, obj: Any) -> None:
        """Dots go to the page, and never back into the row: such rows can't be saved here."""
        for name in self.sealed:
            if getattr(obj, name):
                obj.__dict__[name] = DOTS
        obj.masked_for_show = True

    def _shown(self, request: HttpRequest, obj: models.Model) -> bool:
        until = parse_datetime(request.session.get(SESSION_KEY, {}).get(self._key(obj.pk), ""))
        return until is not None and until > timezone.now()

    def _key(self, pk: Any) -> str:
        return f"{self.model._meta.label_lower}:{pk}"

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> Any:
        if request.method == "GET":
            self._tell(request, object_id)
        context = {"unmask_url": self._unmask_url(request, object_id), **(extra_context or {})}
        return super().change_view(request, object_id, form_url, context)

    def _tell(self, request: HttpRequest, object_id: str) -> None:
        """An opened record is an entry on the trail, with the fields that were shown in clear."""
        obj = self.get_object(request, object_id)
        if obj is None or not (self.sealed or self.whose(obj)):
            return
        shown = [] if hasattr(obj, "masked_for_show") else [*self.sealed, *self.behind_reason]
        audit.read([self.whose(obj)], f"{self.model._meta.label_lower}", objects=[obj], fields=shown)

    def _unmask_url(self, request: HttpRequest, object_id: str) -> str:
        obj = self.get_object(request, object_id)
        if obj is None or not hasattr(obj, "masked_for_show") or not allowed(request.user, "records.unmask"):
            return ""
        return reverse(f"admin:{self._name()}_unmask", args=[object_id])

    def _name(self) -> str:
        return f"{self.model._meta.app_label}_{self.model._meta.model_name}"

    def get_urls(self) -> list[Any]:
        if not self.sealed:
            return super().get_urls()
        view = self.admin_site.admin_view(self.unmask_view)
        return [path("<path:object_id>/unmask/", view, name=f"{self._name()}_unmask"), *super().get_urls()]

    def unmask_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask for a reason; with one, show this record for a while."""
        require(request.user, "records.unmask")
        if not self.has_view_permission(request):
            raise PermissionDenied(self.sees)
        obj = super().get_object(request, object_id)
        if obj is None:
            raise Http404
        form = ReasonForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            return self._unmask(request, obj, form.cleaned_data["reason"])
        return self.ask(request, form, title=_("Show masked fields"), button=_("Show for 15 minutes"))

    def ask(
        self, request: HttpRequest, form: forms.Form, *, title: Any, button: Any, lead: Any = ""
    ) -> HttpResponse:
        """A page with one form, in the admin's frame."""
        words = {"title": title, "button": button, "lead": lead}
        context = {**self.admin_site.each_context(request), "opts": self.model._meta, "form": form, **words}
        return render(request, "admin/ask.html", context)

    def _unmask(self, request: HttpRequest, obj: models.Model, reason: str) -> HttpResponse:
        with audit.acting(reason=reason):
            audit.event(
                "unmask",
                subjects=[self.whose(obj)],
                what=self._key("")[:-1],
                objects=[obj],
                fields=[*self.sealed, *self.behind_reason],
            )
        shown = dict(request.session.get(SESSION_KEY, {}))
        shown[self._key(obj.pk)] = (timezone.now() + SHOWN_FOR).isoformat()
        request.session[SESSION_KEY] = shown
        return HttpResponseRedirect(reverse(f"admin:{self._name()}_change", args=[obj.pk]))

    # --- bulk --------------------------------------------------------------------------------------
    def each(self, request: HttpRequest, queryset: Any, act: Callable[[Any], Any], done: Any) -> None:
        """Call a rule for each chosen row; those it refuses are told one by one, the others stand."""
        count = 0
        for obj in queryset:
            try:
                act(obj)
                count += 1
            except (PermissionDenied, forms.ValidationError, ValueError) as error:
                self.message_user(request, f"{obj}: {_why(error)}", messages.ERROR)
        self.message_user(request, format_html("{}: {}", done, count))


def _why(error: Exception) -> str:
    if isinstance(error, PermissionDenied):
        return str(_("this is not yours to do."))
    return " ".join(error.messages) if isinstance(error, forms.ValidationError) else str(error)


def prove_first(request: HttpRequest) -> HttpResponse | None:
    """For sensitive acts: to the step-up page where the last proof is too old, and from there back to it."""
    if sessions.fresh(request.user_session):  # type: ignore[attr-defined]
        return None
    return HttpResponseRedirect(f"{reverse('portal:prove')}?next={quote(request.get_full_path())}")
