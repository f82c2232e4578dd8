"""Finding cases by what was said in them, about whom, and what they are: words, quoted words and operators.

Words are looked up as keyed digests, so nothing that somebody types reaches the database in plain, but numbers
of our own shape. All words of a search stand in one place: the subject, one message, or the patient's name;
``from:`` ties a name to words said. Each place is asked off its index for one page, from where the last page
ended, and the pages are merged: the first costs the same among a thousand cases as among a million. A word that
few say is looked up by itself, and the cases after it; one that many say stands among the cases spoken of last.
Which of the two is tried first is the database's guess; what is found does not hang on it.
"""

import json
import re
from calendar import monthrange
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from cases.models import Case, Message, Reason, Tag
from cases.models.cases import CHANNELS
from cases.people import shown_name
from config.business_day import business_day
from config.security import normal
from config.security.blind import words as words_of
from portal import numbers
from portal.access import PERMISSIONS, STAFF_REALM, require
from portal.models import Order, Patient, RoleGrant, User

PAGE = 20
RECENT = 500
MOST_RARE = 5_000
MOST_READ = 400  # messages opened in search of quoted words, for one page
PART = re.compile(r'(?:([A-Za-z_]+):)?(?:"([^"]*)"|(\S+))')
AGO = re.compile(r"(\d{1,5})([dwmy])", re.IGNORECASE)
FIRST_YEAR = 1900
DAYS_OF, MONTHS_OF = {"d": 1, "w": 7}, {"m": 1, "y": 12}

Cases = QuerySet[Case]


class WrongSearch(ValueError):
    """A search that can't be understood; says in words what is wrong with it."""


class NoSuchPlace(ValueError):
    """A page is asked for from a place that no search of ours has."""


@dataclass
class Query:
    """A search as it was understood. ``narrow`` are its operators, ``phrases`` its quoted words."""

    words: list[str] = field(default_factory=list)
    phrases: list[str] = field(default_factory=list)
    narrow: list[Q] = field(default_factory=list)
    number: str = ""

    @property
    def text(self) -> str:
        return " ".join([*self.words, *self.phrases])

    def __bool__(self) -> bool:
        return bool(self.words or self.phrases or self.narrow or self.number)


@dataclass(frozen=True)
class Page:
    """Cases, the one spoken of last first, and the place the next page begins at; "" where there is none."""

    cases: list[Case]
    next: str


# --- reading what was typed --------------------------------------------------------------------------
def parse(actor: Any, typed: str) -> Query:
    """Raises WrongSearch, with what exists."""
    query = Query()
    for operator, quoted, word in PART.findall(typed):
        value = quoted or word
        if operator and f"{operator}:" != value:
            query.narrow.append(_operator(operator.lower())(actor, value))
        elif quoted:
            query.phrases.append(quoted)
        elif numbers.is_shaped(word) and not query.number:
            query.number = word.upper()
        else:
            query.words += words_of(word)
    return query


def has_operators(typed: str) -> bool:
    """Whether somebody searches for cases, not only for a person."""
    return any(operator or quoted for operator, quoted, _word in PART.findall(typed))


def _operator(name: str) -> Callable[[Any, str], Q]:
    if name not in OPERATORS:
        known = ", ".join(f"{one}:" for one in OPERATORS)
        raise WrongSearch(
            _("There is no %(name)s: to search by. There are %(known)s") % {"name": name, "known": known}
        )
    return OPERATORS[name]


def _choice(operator: str, value: str, known: dict[str, Any]) -> Any:
    """What ``value`` names among a few known ones. It is compared here and goes nowhere."""
    if value.casefold() in known:
        return known[value.casefold()]
    some = ", ".join(sorted(known)[:12])
    raise WrongSearch(_("%(operator)s: can be %(known)s.") % {"operator": operator, "known": some})


def _from(actor: Any, value: str) -> Q:
    """The patient, by name, e-mail address, telephone number or account."""
    people = Patient.objects.visible_to(actor)
    if "@" in value:
        found = people.filter(email_index__matches=value)
    elif numbers.is_shaped(value):
        named = Patient.objects.filter(account_number=value.upper()).first()
        found = people.filter(pk=named.in_force.pk) if named else people.none()
    elif sum(letter.isdigit() for letter in value) >= 7:
        found = people.filter(phone_index__matches=normal.phone(value))
    elif words_of(value):
        found = people.filter(name_tokens__matches=value)
    else:
        raise WrongSearch(_("from: wants a name, a telephone number, an e-mail address or an account."))
    return Q(patient__in=found.order_by().values("pk"))


def _is(actor: Any, value: str) -> Q:
    known = {
        "open": ~Q(state="closed"),
        "closed": Q(state="closed"),
        "new": Q(state="new"),
        "waiting": Q(state="waiting"),
        "unread": ~Q(state="closed") & Q(unread__gt=0),
        "mine": Q(owner=getattr(actor, "pk", None)),
        "unassigned": ~Q(state="closed") & Q(owner=None),
        "snoozed": Q(snoozed_until__isnull=False),
        "escalated": ~Q(state="closed") & Q(tier__gt=1),
        "breached": ~Q(state="closed") & Q(next_due_at__lt=timezone.now()),
        "urgent": Q(priority=1),
    }
    found: Q = _choice("is", value, known)
    return found


def _reason(actor: Any, value: str) -> Q:
    """A reason by its code or label, or a whole family of them."""
    known: dict[str, list[int]] = {}
    for pk, code, label, family in Reason.objects.values_list("pk", "code", "label", "family"):
        for name in (code, label.casefold(), family):
            known.setdefault(name, []).append(pk)
    return Q(reason__in=_choice("reason", value, known))


def _tag(actor: Any, value: str) -> Q:
    known = dict(Tag.objects.values_list("name", "pk"))
    return Q(pk__in=Case.tags.through.objects.filter(tag=_choice("tag", value, known)).values("case_id"))


def _owner(actor: Any, value: str) -> Q:
    if value.casefold() in {"me", "none"}:
        return Q(owner=actor.pk if value.casefold() == "me" else None)
    holders = RoleGrant.objects.filter(role__in=PERMISSIONS["cases.work"]).values("user")
    desk = User.objects.filter(realm=STAFF_REALM, pk__in=holders)
    known: dict[str, list[int]] = {}
    for user in desk:
        for name in {user.display_name.casefold(), shown_name(user).casefold()}:
            known.setdefault(name, []).append(user.pk)
    return Q(owner__in=_choice("owner", value, {"me": [], "none": []} | known))


def _channel(actor: Any, value: str) -> Q:
    return Q(channel=_choice("channel", value, {code: code for code, _label in CHANNELS}))


def _order(actor: Any, value: str) -> Q:
    if not numbers.is_shaped(value):
        raise WrongSearch(_("order: wants an order number like DME-10001-4."))
    return _of_order(value.upper())


def _of_order(number: str) -> Q:
    """Named by its key: that there is none is known without looking at a case."""
    return Q(order=Order.objects.filter(number=number).values_list("pk", flat=True).first() or 0)


def _before(actor: Any, value: str) -> Q:
    return Q(last_contact_at__lt=_moment("before", value))


def _after(actor: Any, value: str) -> Q:
    return Q(last_contact_at__gte=_moment("after", value))


def _moment(operator: str, value: str) -> datetime:
    """A day's first moment: a date, ``today``, ``yesterday`` or so long ago (``30d``, ``6w``, ``3m``, ``2y``)."""
    today = business_day()
    named = {"today": today, "yesterday": today - timedelta(days=1)}
    try:
        ago = AGO.fullmatch(value)
        day = named.get(value.lower()) or (
            _ago(today, int(ago[1]), ago[2].lower()) if ago else date.fromisoformat(value)
        )
        if day.year < FIRST_YEAR:
            raise ValueError(value)
    except (ValueError, OverflowError):
        words = _(
            "%(operator)s: wants a date like 2026-03-31, today, yesterday, or how long ago: 30d, 6w, 3m or 2y."
        )
        raise WrongSearch(words % {"operator": operator}) from None
    return datetime.combine(day, time(), ZoneInfo(settings.SUPPLIER_TIME_ZONE))


def _ago(today: date, size: int, unit: str) -> date:
    """Of a month without this day, its last."""
    if unit in DAYS_OF:
        return today - timedelta(days=size * DAYS_OF[unit])
    months = today.year * 12 + today.month - 1 - size * MONTHS_OF[unit]
    year, month = divmod(months, 12)
    return date(year, month + 1, min(today.day, monthrange(year, month + 1)[1]))


OPERATORS: dict[str, Callable[[Any, str], Q]] = {
    "from": _from,
    "is": _is,
    "reason": _reason,
    "before": _before,
    "after": _after,
    "tag": _tag,
    "owner": _owner,
    "channel": _channel,
    "order": _order,
}


# --- asking ------------------------------------------------------------------------------------------
def page(actor: Any, query: Query, *, after: str = "", size: int = PAGE) -> Page:
    """Cases that fit, from ``after`` on. The caller puts on the trail whom it shows."""
    require(actor, "cases.view")
    if not query or not all(map(words_of, query.phrases)):
        return Page([], "")
    base = Case.objects.visible_to(actor).filter(*query.narrow).select_related("reason", "patient")
    ordered = _beyond(base, after).order_by("-last_contact_at", "-pk")
    found = {case.pk: case for case in _found(actor, ordered, query, after, size + 1)}
    merged = sorted(found.values(), key=lambda case: (case.last_contact_at, case.pk), reverse=True)
    return Page(merged[:size], _place(merged[size - 1]) if len(merged) > size else "")


def _found(actor: Any, ordered: Cases, query: Query, after: str, most: int) -> Iterator[Case]:
    """A page of each place where what was typed may stand."""
    if query.number:
        yield from ordered.filter(number=query.number)[:most]
        yield from ordered.filter(_of_order(query.number))[:most]
        return
    if not words_of(query.text):
        yield from ordered[:most]
        return
    lately = _lately(ordered)
    for place in PLACES:
        yield from _of_place(place(query.text), ordered, query, lately, most)
    if not query.phrases:
        people = Patient.objects.visible_to(actor).filter(name_tokens__matches=query.text)
        yield from ordered.filter(patient__in=people.order_by().values("pk"))[:most]


@dataclass(frozen=True)
class Place:
    """Where words may stand: a condition on the cases, and the keys of all cases that have it, off its index."""

    condition: Any
    keys: QuerySet[Any]


def _subject(text: str) -> Place:
    said = Q(subject_tokens__matches=text)
    return Place(said, Case.objects.filter(said).values_list("pk", flat=True))


def _message(text: str) -> Place:
    said = Exists(_messages(text).filter(conversation__case=OuterRef("pk")))
    return Place(said, _messages(text).values_list("conversation__case", flat=True))


PLACES = (_subject, _message)


def _lately(ordered: Cases) -> datetime | None:
    """When the last of the newest RECENT was spoken of; None where there are no more than these."""
    return ordered.values_list("last_contact_at", flat=True)[RECENT : RECENT + 1].first()


def _of_place(place: Place, ordered: Cases, query: Query, lately: datetime | None, most: int) -> list[Case]:
    if lately is None:
        return _read(ordered.filter(place.condition), query, most)
    if _expected(place) <= RECENT:
        keys = _first_keys(place, RECENT)
        if len(keys) <= RECENT:
            return _read(ordered.filter(pk__in={key for key in keys if key}), query, most)
    found = _read(ordered.filter(place.condition, last_contact_at__gte=lately), query, most)
    if len(found) >= most:
        return found
    keys = _first_keys(place, MOST_RARE)
    if len(keys) > MOST_RARE:
        return _read(ordered.filter(place.condition), query, most)
    return _read(ordered.filter(pk__in={key for key in keys if key}), query, most)


def _expected(place: Place) -> int:
    """How many cases or messages the database thinks say it. It is off where words never meet, or are new."""
    (plan,) = json.loads(place.keys.order_by().explain(format="json"))
    return int(plan["Plan"]["Plan Rows"])


def _first_keys(place: Place, most: int) -> list[Any]:
    """No more than tell few from many."""
    with kept_to_index():
        return list(place.keys.order_by()[: most + 1])


@contextmanager
def kept_to_index(*others: str) -> Iterator[None]:
    """Of words that each many say, and nobody together, the database expects many, and would read the whole table
    for the first of them: it is kept to the index, whose cost does not grow with what does not fit. ``others``
    are more of its ways to be kept from, where an index that knows no words would lead to the same.
    """
    ways = [f"enable_{way}" for way in ("seqscan", *others)]
    with transaction.atomic(), connection.cursor() as cursor:
        _let(cursor, ways, "off")
        yield
        _let(cursor, ways, "on")


def _let(cursor: Any, ways: list[str], state: str) -> None:
    """Until the transaction's end, in one query."""
    cursor.execute("SELECT set_config(way, %s, true) FROM unnest(%s::text[]) AS way", [state, ways])


def _messages(text: str) -> QuerySet[Message]:
    return Message.objects.filter(body_tokens__matches=text)


def _read(place: Cases, query: Query, most: int) -> list[Case]:
    """A page of one place; where words were quoted, those whose text holds them as they were quoted."""
    if not query.phrases:
        return list(place[:most])
    found: list[Case] = []
    for case in place[:MOST_READ].iterator(chunk_size=50):
        if _says(case, query):
            found.append(case)
        if len(found) == most:
            break
    return found


def _says(case: Case, query: Query) -> bool:
    wanted = [f" {' '.join(words_of(phrase))} " for phrase in query.phrases]
    bodies = _messages(query.text).filter(conversation__case=case).values_list("body", flat=True)
    texts = [case.subject, *bodies[:20]]
    spoken = [f" {' '.join(words_of(text))} " for text in texts]
    return any(all(phrase in text for phrase in wanted) for text in spoken)


def _beyond(cases: Cases, after: str) -> Cases:
    if not after:
        return cases
    stamp, _dot, pk = after.partition(".")
    try:
        at, number = datetime.strptime(stamp, "%Y%m%dT%H%M%S%f").replace(tzinfo=UTC), int(pk)
    except ValueError:
        raise NoSuchPlace(after[:40]) from None
    past = Q(last_contact_at__lt=at) | Q(last_contact_at=at, pk__lt=number)
    return cases.filter(Q(last_contact_at__lte=at), past)


def _place(case: Case) -> str:
    return f"{case.last_contact_at.astimezone(UTC):%Y%m%dT%H%M%S%f}.{case.pk}"
