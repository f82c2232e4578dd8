"""The patient portal's pages, and the account pages that patients and staff share."""

from portal import urls_account, urls_files, urls_pages

app_name = "portal"

urlpatterns = [*urls_account.urlpatterns, *urls_files.urlpatterns, *urls_pages.urlpatterns]
