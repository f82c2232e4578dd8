"""The supervisors' workshop: Django admin behind the house's own doors."""

from typing import Any

from django.conf import settings
from django.contrib.admin import AdminSite
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import resolve_url
from django.utils.translation import gettext_lazy as _


class DeskAdminSite(AdminSite):
    """Sign-in and passwords are the staff pages' business: the admin's own are not there."""

    site_title = site_header = _("Workshop")
    index_title = _("What the floor runs on")
    site_url = "/console/"
    enable_nav_sidebar = True

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        """Only pages made for the workshop: what packages bring along knows neither our rights nor masking."""
        if getattr(admin_class, "in_workshop", False):
            super().register(model_or_iterable, admin_class, **options)

    def has_permission(self, request: HttpRequest) -> bool:
        """The door before the namespace has asked for realm, factor and permission already."""
        return bool(request.user.is_active and request.user.is_staff)

    def login(self, request: HttpRequest, extra_context: Any = None) -> Any:
        raise Http404

    def autocomplete_view(self, request: HttpRequest) -> HttpResponse:
        """Nothing here completes by itself: it would search names by address."""
        raise Http404

    def logout(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """By the one way out, which ends the session on record and its sockets too."""
        return HttpResponseRedirect(resolve_url(settings.SIGN_OUT_URL), preserve_request=True)

    def password_change(self, request: HttpRequest, extra_context: Any = None) -> Any:
        raise Http404

    def password_change_done(self, request: HttpRequest, extra_context: Any = None) -> Any:
        raise Http404
