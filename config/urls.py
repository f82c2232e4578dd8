"""Every app's pages under one roof."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from django.views.i18n import set_language

from config import health
from portal.access import public

APPS = ("portal", "cases", "billing", "agents")

urlpatterns: list[URLPattern | URLResolver] = [
    path("admin/", admin.site.urls),
    path("language/", public(set_language), name="set_language"),
    path("healthz", public(health.healthz), name="healthz"),
    path("readyz", public(health.readyz), name="readyz"),
    path("metrics", public(health.metrics), name="metrics"),
]
urlpatterns += [path("", include(f"{app}.urls")) for app in APPS]

handler400 = "config.errors.bad_request"
handler403 = "config.errors.forbidden"
handler404 = "config.errors.not_found"
handler500 = "config.errors.server_error"
