"""Accounts and roles."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import F
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import path, reverse
from django.utils.translation import gettext_lazy as _

from config.contacts import mailable
from portal import factors, invitations, people, sessions
from portal.access import PATIENT_REALM, ROLES, STAFF_REALM, STAFF_ROLES, allowed, may_grant, require
from portal.choices import choose_from
from portal.models import (
    User,
)
from portal.workshop import DOTS, ReasonForm, WorkshopAdmin, prove_first


class InviteForm(forms.Form):
    email = forms.EmailField(label=_("Work e-mail"), validators=[mailable])
    name = forms.CharField(label=_("Name"), max_length=120)
    roles = forms.MultipleChoiceField(label=_("Roles"), widget=forms.CheckboxSelectMultiple)

    def __init__(self, *args: Any, actor: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choose_from(self, "roles", _grantable(actor))


class RolesForm(forms.Form):
    roles = forms.MultipleChoiceField(label=_("Roles"), widget=forms.CheckboxSelectMultiple, required=False)

    def __init__(self, *args: Any, actor: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choose_from(self, "roles", _grantable(actor))


def _grantable(actor: Any) -> list[tuple[str, Any]]:
    return [(role, ROLES[role]) for role in ROLES if role in STAFF_ROLES and may_grant(actor, role)]


@admin.register(User)
class UserAdmin(WorkshopAdmin):
    sees = "users.view"
    list_display = ("shown_name", "realm", "shown_roles", "is_active", "created_at", "last_login")
    list_filter = ("realm", "is_active", "role_grants__role")
    exclude = ("password", "email_index")
    actions = ("deactivate", "reactivate", "end_sessions")
    ordering = ("realm", "pk")

    def get_queryset(self, request: HttpRequest) -> Any:
        accounts = super().get_queryset(request).prefetch_related("role_grants")
        return accounts.annotate(record=F("patient__pk"))

    def whose(self, obj: Any) -> Any:
        """A patient's account tells of the patient as their record does."""
        return obj.record

    @property
    def sealed(self) -> list[str]:
        return ["email", "display_name"]

    @admin.display(description=_("Name"))
    def shown_name(self, user: User) -> str:
        """Staff go by name; a patient's is PHI."""
        return user.display_name if user.realm == STAFF_REALM else DOTS

    @admin.display(description=_("Roles"))
    def shown_roles(self, user: User) -> str:
        return ", ".join(str(ROLES[grant.role]) for grant in user.role_grants.all())

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        obj = super().get_object(request, object_id, from_field)
        if obj is not None and obj.realm == STAFF_REALM and hasattr(obj, "masked_for_show"):
            obj.refresh_from_db(fields=["email", "display_name"])
            del obj.masked_for_show
        return obj

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view
        own = [
            path("invite/", view(self.invite_view), name="portal_user_invite"),
            path("<int:object_id>/roles/", view(self.roles_view), name="portal_user_roles"),
            path(
                "<int:object_id>/reset-factor/",
                view(self.reset_factor_view),
                name="portal_user_reset_factor",
            ),
        ]
        return [*own, *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        tools = [{"url": reverse("admin:portal_user_invite"), "label": _("Invite somebody of the staff")}]
        shown = tools if allowed(request.user, "users.invite") else []
        return super().changelist_view(request, {"tools": shown, **(extra_context or {})})

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> Any:
        tools = []
        if allowed(request.user, "users.manage"):
            tools.append(
                {"url": reverse("admin:portal_user_roles", args=[object_id]), "label": _("Change roles")}
            )
        if allowed(request.user, "users.reset_factor"):
            address = reverse("admin:portal_user_reset_factor", args=[object_id])
            tools.append({"url": address, "label": _("Reset second factor")})
        return super().change_view(request, object_id, form_url, {"tools": tools, **(extra_context or {})})

    def invite_view(self, request: HttpRequest) -> HttpResponse:
        require(request.user, "users.invite")
        form = InviteForm(request.POST or None, actor=request.user)
        if request.method == "POST" and form.is_valid():
            invitations.invite_staff(request.user, **form.cleaned_data)
            self.message_user(
                request, _("The invitation is on its way. It is good for a few days and for one use.")
            )
            return HttpResponseRedirect(reverse("admin:portal_user_changelist"))
        return self.ask(
            request, form, title=_("Invite somebody of the staff"), button=_("Send the invitation")
        )

    def roles_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        require(request.user, "users.manage")
        user = self._staff(request, object_id)
        held = set(user.role_grants.values_list("role", flat=True))
        form = RolesForm(request.POST or None, actor=request.user, initial={"roles": sorted(held)})
        if request.method == "POST" and form.is_valid():
            self._change_roles(request, user, held, set(form.cleaned_data["roles"]))
            return HttpResponseRedirect(reverse("admin:portal_user_change", args=[user.pk]))
        lead = _("A change ends the person's sessions at once.")
        return self.ask(request, form, title=_("Change roles"), button=_("Save"), lead=lead)

    def _change_roles(self, request: HttpRequest, user: User, held: set[str], wanted: set[str]) -> None:
        for role in sorted(wanted - held):
            people.grant_role(request.user, user=user, role=role)
        for role in sorted(role for role in held - wanted if may_grant(request.user, role)):
            people.drop_role(request.user, user=user, role=role)

    def reset_factor_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        require(request.user, "users.reset_factor")
        if (proof := prove_first(request)) is not None:
            return proof
        user = get_object_or_404(User, pk=object_id)
        form = ReasonForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                factors.reset(request.user, user=user, reason=form.cleaned_data["reason"])
            except ValueError as refusal:
                form.add_error(None, str(refusal))
            else:
                self.message_user(request, _("The factor is reset. A letter tells the person how to go on."))
                return HttpResponseRedirect(reverse("admin:portal_user_change", args=[user.pk]))
        lead = _(
            "Only after you have met the person or seen them on video. Knowing their data proves nothing."
        )
        return self.ask(request, form, title=_("Reset second factor"), button=_("Reset"), lead=lead)

    def _staff(self, request: HttpRequest, object_id: int) -> User:
        user = get_object_or_404(User, pk=object_id)
        if user.realm == PATIENT_REALM:
            raise PermissionDenied("users.manage")
        return user

    @admin.action(description=_("Close the chosen accounts"))
    def deactivate(self, request: HttpRequest, queryset: Any) -> None:
        self.each(
            request, queryset, lambda user: people.deactivate(request.user, user=user), _("Accounts closed")
        )

    @admin.action(description=_("Open the chosen accounts again"))
    def reactivate(self, request: HttpRequest, queryset: Any) -> None:
        self.each(
            request, queryset, lambda user: people.reactivate(request.user, user=user), _("Accounts opened")
        )

    @admin.action(description=_("End all sessions of the chosen people"))
    def end_sessions(self, request: HttpRequest, queryset: Any) -> None:
        self.each(
            request, queryset, lambda user: sessions.end_of(request.user, user=user), _("Sessions ended for")
        )
