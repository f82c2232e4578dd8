"""The customer's own pages about insurance and money."""

from django.urls import path

from billing.views import coverage

app_name = "billing"

urlpatterns = [path("insurance/", coverage.coverage_page, name="coverage")]
