"""The supervisors' workshop."""

from django.contrib.admin import AdminSite


class DeskAdminSite(AdminSite):
    site_header = "Workshop"
