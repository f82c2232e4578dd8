"""Every app's pages under one roof."""

from importlib.util import find_spec

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

APPS = ("portal", "cases", "billing", "agents")

urlpatterns: list[URLPattern | URLResolver] = [path("admin/", admin.site.urls)]
urlpatterns += [path("", include(f"{app}.urls")) for app in APPS if find_spec(f"{app}.urls")]
