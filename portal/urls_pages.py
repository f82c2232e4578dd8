"""The addresses of the patient's own pages. ``portal.urls`` puts them among its own."""

from django.urls import path

from portal.views import agent_code, caregivers, contacts, documents_pages, home, my_data, orders, profile
from portal.views import who_saw as record_access

urlpatterns = [
    path("", home.home_page, name="home"),
    path("record", home.choose_record, name="choose-record"),
    path("orders/", orders.order_list, name="orders"),
    path("orders/<uuid:ref>/", orders.order_page, name="order"),
    path("devices/", orders.device_list, name="devices"),
    path("documents/", documents_pages.document_list, name="documents"),
    path("documents/send", documents_pages.send, name="document-send"),
    path("documents/<uuid:ref>/withdraw", documents_pages.withdraw, name="document-withdraw"),
    path("profile/", profile.profile_page, name="profile"),
    path("profile/choices", profile.save_choices, name="profile-choices"),
    path("profile/propose/<slug:field>", profile.propose, name="profile-propose"),
    path("profile/changes/<uuid:ref>/stop", profile.stop, name="profile-stop"),
    path("code-for-an-agent/", agent_code.agent_code, name="agent-code"),
    path("profile/contact-choices/", contacts.contacts, name="contacts"),
    path("caregivers/", caregivers.caregiver_list, name="caregivers"),
    path("caregivers/<uuid:ref>/revoke", caregivers.revoke, name="caregiver-revoke"),
    path("who-saw-my-record/", record_access.who_saw, name="record-access"),
    path("my-data/", my_data.my_data_page, name="my-data"),
    path("my-data/ask", my_data.ask, name="my-data-ask"),
    path("my-data/<uuid:ref>/state", my_data.state, name="my-data-state"),
    path("my-data/<uuid:ref>/passphrase", my_data.passphrase, name="my-data-passphrase"),
    path("my-data/<uuid:ref>/file", my_data.download, name="my-data-file"),
]
