"""The console's pages. What ends in a verb is posted to."""

from django.urls import include, path

from agents.views import cases, presence, queue, search, work

app_name = "agents"

console = [
    path("", queue.console, name="console"),
    path("views/<slug:code>/", queue.view, name="view"),
    path("views/<slug:code>/rows/", queue.rows, name="rows"),
    path("views/<slug:code>/rows/<str:number>/", queue.row, name="row"),
    path("rail/", queue.rail, name="rail"),
    path("poll/", queue.poll, name="poll"),
    path("keys/", presence.keys, name="keys"),
    path("preferences/", presence.preferences, name="preferences"),
    path("presence/", presence.presence, name="presence"),
    path("search/", search.search, name="search"),
    path("people/<uuid:ref>/", search.person, name="person"),
    path("people/<uuid:ref>/new-case/", search.new_case, name="new-case"),
    path("cases/<str:number>/", cases.case, name="case"),
    path("cases/<str:number>/head/", cases.head, name="case-head"),
    path("cases/<str:number>/earlier/", cases.earlier, name="case-earlier"),
    path("cases/<str:number>/new/", cases.new, name="case-new"),
    path("cases/<str:number>/beside/", cases.beside, name="case-beside"),
    path("cases/<str:number>/more/", cases.more, name="case-more"),
    path("cases/<str:number>/unmask/", cases.unmask, name="case-unmask"),
    path("cases/<str:number>/invite/", cases.invite, name="case-invite"),
    path("cases/<str:number>/canned/", cases.canned_replies, name="case-canned"),
    path("cases/<str:number>/canned/<int:pk>/", cases.canned_reply, name="case-canned-reply"),
    path("cases/<str:number>/draft/", cases.draft, name="case-draft"),
    path("cases/<str:number>/say/", cases.say, name="case-say"),
    path("cases/<str:number>/seen/", cases.seen, name="case-seen"),
    path("cases/<str:number>/take/", work.take, name="case-take"),
    path("cases/<str:number>/wait/", work.wait, name="case-wait"),
    path("cases/<str:number>/assign/", work.assign, name="case-assign"),
    path("cases/<str:number>/transfer/", work.transfer, name="case-transfer"),
    path("cases/<str:number>/close/", work.close, name="case-close"),
    path("cases/<str:number>/reopen/", work.reopen, name="case-reopen"),
]

urlpatterns = [path("console/", include(console))]
