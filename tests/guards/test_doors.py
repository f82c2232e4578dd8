"""Every URL and socket is closed but to those whom tests/guards/doors.py names (R-SEC-3; Z1, A5, P4)."""

import inspect
import re
import uuid
from collections.abc import Iterator

import pytest
from asgiref.sync import sync_to_async
from django.http import HttpResponse
from django.test import Client
from django.urls import URLPattern, get_resolver, include, path, reverse
from django.urls.resolvers import RegexPattern, URLResolver

from agents.routing import websocket_urlpatterns as console_sockets
from cases.routing import websocket_urlpatterns as chat_sockets
from config.asgi import application
from config.security.middleware import ClosedDoors
from portal import access
from portal.access import door, public
from portal.models import User
from tests import factories
from tests.guards import doors
from tests.people import signed_in
from tests.sockets import Socket

pytestmark = pytest.mark.django_db
IN = 299
WALK_ALL = {"administrator", "agent", "patient"}  # one that gets in, one of each realm that does not
EXPORTS = re.compile(r"export|print|csv|my-data|disaster|downtime|sheet")
FILES = re.compile(r"text/csv|attachment;")
PARAMETERS = {"uuid": uuid.UUID(int=7), "int": 7, "str": "x", "slug": "x", "path": "7"}


def routes(
    patterns=None, namespaces=(), parameters=()
) -> Iterator[tuple[str, URLPattern, tuple[str, ...], dict]]:
    """Every URL: name with namespaces, pattern, namespaces, and values for what stands in the address."""
    for one in get_resolver().url_patterns if patterns is None else patterns:
        more = {**dict(parameters), **values_of(one.pattern)}
        if isinstance(one, URLResolver):
            below = (*namespaces, one.namespace) if one.namespace else namespaces
            yield from routes(one.url_patterns, below, more)
        else:
            yield ":".join([*namespaces, one.name or str(one.pattern)]), one, namespaces, more


def values_of(pattern):
    if isinstance(pattern, RegexPattern):
        return dict.fromkeys(pattern.regex.groupindex, "portal")
    converters = pattern.converters
    kinds = {
        name: type(converter).__name__.removesuffix("Converter").lower()
        for name, converter in converters.items()
    }
    return {name: PARAMETERS["str" if kind == "string" else kind] for name, kind in kinds.items()}


def ours():
    return [one for one in routes() if not one[2] or one[2][0] != "admin"]


def admins():
    """The admin's pages by name. Its catch-all has none."""
    return [one for one in routes() if one[2] and one[2][0] == "admin" and one[1].name]


def address_of(name, values):
    return reverse(name, kwargs=values)


@pytest.fixture
def marked(monkeypatch):
    """Whoever a door lets in gets IN for an answer, and the view is not called."""
    admit = ClosedDoors.process_view

    def process_view(self, request, view, args, kwargs):
        return admit(self, request, view, args, kwargs) or HttpResponse(status=IN)

    monkeypatch.setattr(ClosedDoors, "process_view", process_view)


def person(role):
    realm = "staff" if role in doors.STAFF else "patient"
    return factories.UserFactory(realm=realm, roles=[role])


def expected(name, role):
    """What somebody of a role gets: in, not there (the other realm's), or refused."""
    who = doors.ADMIN if name.startswith("admin:") else doors.URLS[name]
    if who in (doors.PUBLIC, doors.BEFORE_FACTOR) or role in who:
        return IN
    realm = doors.STAFF if role in doors.STAFF else doors.CUSTOMERS
    return 403 if who & realm or REALMS.get(name, "both") in ("both", realm_of(role)) else 404


REALMS = {
    **{name: "staff" for name in doors.URLS if name.startswith("agents:")},
    **{
        name: "patient" for name, who in doors.URLS.items() if isinstance(who, set) and who <= doors.CUSTOMERS
    },
}


def realm_of(role):
    return "staff" if role in doors.STAFF else "patient"


# --- the table is whole ----------------------------------------------------------------------------


def unlisted(found, table):
    return sorted({name for name, *_ in found} - set(table))


def test_every_url_is_in_the_table():
    assert unlisted(ours(), doors.URLS) == []


def test_no_line_of_the_table_is_stale():
    assert set(doors.URLS) - {name for name, *_ in ours()} == set()


def test_planted_url_is_found():
    planted = [*ours(), ("portal:back-door", path("back-door", lambda request: None), ("portal",), {})]
    assert unlisted(planted, doors.URLS) == ["portal:back-door"]


def test_roles_are_those_of_the_product():
    assert doors.STAFF == access.STAFF_ROLES
    assert doors.CUSTOMERS == access.CUSTOMERS


def test_public_list_and_table_agree():
    assert {name for name, who in doors.URLS.items() if who == doors.PUBLIC} == access.PUBLIC


# --- URLs by roles ----------------------------------------------------------------------------


@pytest.mark.parametrize("role", sorted(doors.EVERYBODY))
def test_role_gets_in_where_the_table_says(role, marked):
    client = signed_in(person(role))
    wrong = {}
    for name, _, _, values in ours():
        status = client.get(address_of(name, values)).status_code
        if status != expected(name, role):
            wrong[name] = (status, expected(name, role))
    assert wrong == {}


@pytest.mark.parametrize("role", ["patient", "supervisor"])
def test_head_is_answered_where_get_is(role):
    client = signed_in(person(role))
    wrong = {}
    for name, _, _, values in ours():
        got, asked = (way(address_of(name, values)).status_code for way in (client.get, client.head))
        if got != asked and got != 429:
            wrong[name] = (got, asked)
    assert wrong == {}


@pytest.mark.parametrize("role", sorted(doors.EVERYBODY))
def test_admin_opens_to_who_works_there(role, marked):
    client = signed_in(person(role))
    wanted = IN if role in doors.ADMIN else 403 if role in doors.STAFF else 404
    pages = admins()
    assert len(pages) > 10
    if role not in WALK_ALL:
        pages = pages[::10]
    assert {client.get(address_of(name, values)).status_code for name, _, _, values in pages} == {wanted}


def test_anonymous_is_sent_to_sign_in(marked):
    client, wrong = Client(), {}
    for name, _, _, values in [*ours(), *admins()]:
        response = client.get(address_of(name, values))
        if doors.URLS.get(name) == doors.PUBLIC:
            good = response.status_code == IN
        else:
            staff = name.startswith(("agents:", "admin:"))
            good = response.status_code == 302 and response.url.startswith(
                "/staff/sign-in?" if staff else "/sign-in?"
            )
        if not good:
            wrong[name] = response.status_code
    assert wrong == {}


@pytest.mark.parametrize("role", ["agent", "supervisor", "administrator"])
def test_staff_before_the_factor_reach_nothing(role, marked):
    """A5: on every path, the admin's included."""
    client = signed_in(person(role), factor=False)
    wrong = {}
    for name, _, _, values in [*ours(), *admins()]:
        response = client.get(address_of(name, values))
        if doors.URLS.get(name) in (doors.PUBLIC, doors.BEFORE_FACTOR):
            good = response.status_code == IN
        else:
            good = response.status_code == 404 or response.url.startswith("/security/factors/new")
        if not good:
            wrong[name] = response.status_code
    assert wrong == {}


@pytest.mark.parametrize(
    "name", ["portal:my-data-ask", "portal:change-password", "portal:enrol", "portal:recovery-codes"]
)
def test_sensitive_acts_want_a_fresh_proof(name, marked):
    patient = factories.patient_with_user()
    assert signed_in(patient.user, proved=False).get(reverse(name)).url.startswith("/prove?")


def taken_away(found) -> set[str]:
    """URLs that export or print by their name or by what their view answers."""
    return {
        name
        for name, pattern, *_ in found
        if EXPORTS.search(name) or FILES.search(inspect.getsource(inspect.unwrap(pattern.callback)))
    }


def without_step_up(found, names) -> list[str]:
    return sorted(name for name, pattern, *_ in found if name in names and not pattern.callback.door.step_up)


def test_what_is_taken_away_wants_a_fresh_proof():
    assert taken_away(ours()) == doors.TAKEN_AWAY | set(doors.NOT_TAKEN_AWAY)
    assert without_step_up(ours(), doors.TAKEN_AWAY) == []
    assert all(len(reason) > 10 for reason in doors.NOT_TAKEN_AWAY.values())


def test_an_export_without_a_fresh_proof_is_noticed():
    @door("console.use", realm="staff")
    def listed(request):
        return HttpResponse("a,b", content_type="text/csv")

    planted = [("agents:listed", path("listed", listed), ("agents",), {})]
    assert taken_away(planted) == {"agents:listed"}
    assert without_step_up(planted, {"agents:listed"}) == ["agents:listed"]


def test_the_complaints_are_taken_away_after_a_fresh_proof():
    lead = person("supervisor")
    answer = signed_in(lead, proved=False).get(reverse("agents:complaints-export"))
    assert answer.url.startswith("/prove?")


# --- planted violations ----------------------------------------------------------------------------


def open_by_mistake(request):
    return HttpResponse("secret")


@door("console.use", realm="staff")
def writes_on_a_get(request):
    User.objects.filter(pk=request.user.pk).update(display_name="changed")
    return HttpResponse("in")


class planted_urls:  # noqa: N801 - stands in for a module
    urlpatterns = [
        path("no-door", open_by_mistake, name="no-door"),
        path("not-listed", public(lambda request: HttpResponse("secret")), name="not-listed"),
        path(
            "guarded", door("console.use", realm="staff")(lambda request: HttpResponse("in")), name="guarded"
        ),
        path("writes", writes_on_a_get, name="writes"),
        path("", include("config.urls")),
    ]


@pytest.mark.parametrize("page", ["/no-door", "/not-listed"])
def test_view_without_a_door_is_closed(page, settings):
    settings.ROOT_URLCONF = planted_urls
    for client in (Client(), signed_in(person("administrator"))):
        response = client.get(page)
        assert response.status_code == 403
        assert b"secret" not in response.content


def test_door_on_a_planted_view_holds(settings):
    settings.ROOT_URLCONF = planted_urls
    assert signed_in(person("agent")).get("/guarded").content == b"in"
    assert signed_in(person("technician")).get("/guarded").status_code == 403


# --- unsafe and safe methods ----------------------------------------------------------------------------


def test_posts_want_a_token(marked):
    """P4."""
    taken = set()
    for user in (person("supervisor"), person("patient")):
        client = Client(enforce_csrf_checks=True)
        client.cookies = signed_in(user).cookies
        for name, _, _, values in [*ours(), *admins()]:
            if client.post(address_of(name, values)).status_code != 403:
                taken.add(name)
    assert taken == doors.WITHOUT_CSRF_TOKEN


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_other_unsafe_methods_want_a_token_too(method, marked):
    client = Client(enforce_csrf_checks=True)
    client.cookies = signed_in(person("patient")).cookies
    assert getattr(client, method)(reverse("portal:profile")).status_code == 403


MAY_BE_WRITTEN = (
    "portal_accessentry",
    "portal_accessreason",
    "portal_trailqueue",
    "django_session",
    "portal_usersession",
    "config_attempt",
)


def writes_of(client, address):
    """Tables that a GET of the address writes to, but for the trail and the session's clock."""
    from django.db import connection

    written: set[str] = set()

    def watch(execute, sql, params, many, context):
        verb, *words = str(sql).split(None, 3)
        if verb.upper() in {"INSERT", "UPDATE", "DELETE"}:
            table = words[0] if verb.upper() == "UPDATE" else words[1]
            written.add(table.strip('"'))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(watch):
        response = client.get(address)
    return {table for table in written if table not in MAY_BE_WRITTEN}, response.status_code


def objects(name, patient, values):
    """Values that are there: the patient's own order, document, case."""
    order = patient.orders.first()
    case = patient.cases.first()
    known = {"portal:order": {"ref": order.ref}}
    if "number" in values:
        return values | {"number": case.number}
    return values | known.get(name, {})


@pytest.mark.parametrize("role", ["patient", "supervisor"])
def test_gets_leave_the_database_as_it_was(role):
    patient = factories.patient_with_user()
    factories.OrderFactory(patient=patient)
    factories.CaseFactory(patient=patient)
    client = signed_in(patient.user if role == "patient" else person(role))
    wrong = {}
    for name, _, _, values in [*ours(), *admins()]:
        written, status = writes_of(client, address_of(name, objects(name, patient, values)))
        if written or (status >= 500 and name != "readyz"):
            wrong[name] = (status, written)
    assert wrong == {}


def test_a_get_that_writes_is_noticed(settings):
    settings.ROOT_URLCONF = planted_urls
    client = signed_in(person("agent"))
    assert writes_of(client, "/writes") == ({User._meta.db_table}, 200)


# --- sockets ----------------------------------------------------------------------------


def socket_of(client, address, origin=b"http://testserver"):
    cookies = client.cookies.items() if client else ()
    cookie = "; ".join(f"{name}={morsel.value}" for name, morsel in cookies).encode()
    headers = [(b"host", b"testserver"), (b"cookie", cookie), *([(b"origin", origin)] if origin else [])]
    return Socket(application, address, headers)


async def answer_of(client, address="/ws/console/", origin=b"http://testserver"):
    """IN, or the code the socket is closed with."""
    socket = socket_of(client, address, origin)
    assert await socket.connect()
    message = await socket.receive_output(10)
    if message["type"] == "websocket.close":
        return message["code"]
    await socket.leave()
    return IN


def test_every_socket_is_in_the_table():
    assert {str(route.pattern) for route in [*chat_sockets, *console_sockets]} == set(doors.SOCKETS)


@pytest.mark.django_db(transaction=True)
async def test_sockets_open_to_whom_the_table_says():
    async def wrong_of(address, who):
        path = "/" + address.replace("<uuid:ref>", str(uuid.uuid4()))
        answers = {}
        for role in sorted(doors.EVERYBODY):
            client = await sync_to_async(signed_in)(await sync_to_async(person)(role))
            answers[role] = await answer_of(client, path)
        return {
            role: got
            for role, got in answers.items()
            if (got == IN) != (role in who) or got not in (IN, 4401, 4403)
        }

    for address, who in doors.SOCKETS.items():
        assert await wrong_of(address, who) == {}, address


@pytest.mark.django_db(transaction=True)
async def test_sockets_before_the_factor_and_without_a_session():
    agent = await sync_to_async(person)("agent")
    assert await answer_of(await sync_to_async(signed_in)(agent, factor=False)) == 4401
    assert await answer_of(None) == 4401
    assert await answer_of(None, f"/ws/chat/{uuid.uuid4()}/") in (4401, 4403)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "origin",
    [
        None,
        b"null",
        b"https://evil.example",
        b"http://testserver.evil.example",
        b"http://nottestserver",
        b"file://",
    ],
)
async def test_sockets_from_foreign_pages_are_closed(origin):
    """X2: missing, null, foreign and look-alike origins, though the session is good."""
    client = await sync_to_async(signed_in)(await sync_to_async(person)("agent"))
    assert await answer_of(client, origin=origin) == 4403
