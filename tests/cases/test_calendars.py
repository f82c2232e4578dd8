"""R-SLA-1: business time is counted right over nights, weekends, holidays and both changes of the clocks."""

from datetime import UTC, date, datetime, time, timedelta
from html import unescape
from zoneinfo import ZoneInfo

import pytest
from django.core.exceptions import ValidationError
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from cases import calendars, promises
from cases.calendars import Hours, NeverOpen, add, after, between, is_open, next_opening, open_time
from cases.models import Calendar, OpenHours, SpecialDay

CHICAGO, MADRID, SYDNEY = ZoneInfo("America/Chicago"), ZoneInfo("Europe/Madrid"), ZoneInfo("Australia/Sydney")
SPRING, AUTUMN = date(2026, 3, 8), date(2026, 11, 1)  # in Chicago, at two in the morning
MINUTE = timedelta(minutes=1)


def hours(week: dict[int, list[tuple[str, str]]], zone: ZoneInfo = CHICAGO, **known: object) -> Hours:
    days = known.pop("days", {})
    return Hours(
        zone,
        bool(known.pop("always", False)),
        tuple(tuple(map(_stretch, week.get(day, []))) for day in range(7)),
        {day: tuple(map(_stretch, own)) for day, own in days.items()},  # type: ignore[attr-defined]
        **known,  # type: ignore[arg-type]
    )


def _stretch(said: tuple[str, str]) -> tuple[time, time]:
    return time.fromisoformat(said[0]), time.fromisoformat(said[1])


def local(text: str, zone: ZoneInfo = CHICAGO) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone)


OFFICE = hours({day: [("08:00", "12:00"), ("13:00", "17:00")] for day in range(5)}, country="US")
NIGHTS = hours({day: [("22:00", "06:00")] for day in range(7)})
ODD = hours({0: [("00:00", "00:00")], 2: [("01:30", "02:30"), ("23:15", "01:15")], 6: [("01:30", "02:15")]})
FAR = hours({day: [("01:00", "04:00"), ("22:00", "03:00")] for day in range(7)}, SYDNEY)
ALWAYS = hours({}, always=True)
ALL = [OFFICE, NIGHTS, ODD, FAR, ALWAYS, hours({day: [("00:00", "00:00")] for day in range(7)}, MADRID)]

calendars_ = st.sampled_from(ALL)
moments = st.one_of(
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 31), timezones=st.just(UTC)),
    # close to the changes of the clocks, there and on the other side of the world
    st.datetimes(datetime(2026, 3, 7, 20), datetime(2026, 3, 9), timezones=st.just(UTC)),
    st.datetimes(datetime(2026, 10, 31, 20), datetime(2026, 11, 2), timezones=st.just(UTC)),
    st.datetimes(datetime(2026, 4, 4), datetime(2026, 4, 6), timezones=st.just(UTC)),
    st.datetimes(datetime(2026, 10, 3), datetime(2026, 10, 5), timezones=st.just(UTC)),
)
spans = st.timedeltas(timedelta(0), timedelta(days=12))


@given(calendars_, moments, moments, moments)
def test_open_time_adds_up_over_any_split(calendar: Hours, a: datetime, b: datetime, c: datetime) -> None:
    first, middle, last = sorted((a, b, c))
    whole = open_time(calendar, first, last)
    assert whole == open_time(calendar, first, middle) + open_time(calendar, middle, last)


@given(calendars_, moments, moments)
def test_open_time_is_never_negative_nor_more_than_time(calendar: Hours, a: datetime, b: datetime) -> None:
    assert timedelta(0) <= open_time(calendar, a, b) <= max(b - a, timedelta(0))


@given(calendars_, moments, spans, spans)
def test_more_time_ends_no_sooner(calendar: Hours, start: datetime, one: timedelta, more: timedelta) -> None:
    assert after(calendar, start, one) <= after(calendar, start, one + more)


@given(calendars_, moments, moments, spans)
def test_who_starts_later_ends_no_sooner(calendar: Hours, a: datetime, b: datetime, left: timedelta) -> None:
    first, second = sorted((a, b))
    assert after(calendar, first, left) <= after(calendar, second, left)


@given(calendars_, moments, spans)
def test_adding_and_counting_are_each_others_inverse(
    calendar: Hours, start: datetime, left: timedelta
) -> None:
    end = after(calendar, start, left)
    assert open_time(calendar, start, end) == left
    assert add(calendar, start, between(calendar, start, end)) == end or left == timedelta(0)


@given(calendars_, moments, spans, spans)
def test_adding_twice_is_adding_the_sum(
    calendar: Hours, start: datetime, one: timedelta, two: timedelta
) -> None:
    assert after(calendar, after(calendar, start, one), two) == after(calendar, start, one + two)


@given(calendars_, moments)
def test_it_is_open_when_it_next_opens(calendar: Hours, at: datetime) -> None:
    opening = next_opening(calendar, at)
    assert opening >= at
    assert is_open(calendar, opening)
    assert open_time(calendar, at, opening) == timedelta(0)


@pytest.mark.parametrize("day", [SPRING, AUTUMN, date(2026, 4, 5), date(2026, 10, 4)])
@pytest.mark.parametrize("calendar", ALL)
def test_counting_agrees_with_looking_each_minute(calendar: Hours, day: date) -> None:
    """Both changes of the clocks, in the north and in the south."""
    start = datetime.combine(day - timedelta(days=1), time(12), UTC)
    looked = sum(is_open(calendar, start + MINUTE * n) for n in range(2 * 24 * 60))
    assert between(calendar, start, start + timedelta(days=2)) == looked


def test_a_night_has_seven_hours_in_spring_and_nine_in_autumn() -> None:
    for day, expected in ((SPRING, 7), (AUTUMN, 9), (date(2026, 6, 7), 8)):
        evening = datetime.combine(day - timedelta(days=1), time(12), CHICAGO)
        assert between(NIGHTS, evening, evening + timedelta(days=1)) == expected * 60


def test_a_stretch_that_begins_in_the_hour_left_out_begins_when_it_is_skipped() -> None:
    early = hours({6: [("02:30", "05:00")]})
    assert next_opening(early, local("2026-03-08T00:00")) == local("2026-03-08T03:00")
    assert between(early, local("2026-03-08T00:00"), local("2026-03-08T12:00")) == 120


def test_a_stretch_that_lies_in_the_hour_left_out_does_not_exist_that_day() -> None:
    gone = hours({6: [("02:10", "02:50")]})
    assert between(gone, local("2026-03-08T00:00"), local("2026-03-09T00:00")) == 0


def test_lunch_nights_weekends_and_holidays_do_not_count() -> None:
    friday = local("2026-07-02T16:30")  # Thursday; the third is kept for Independence Day
    assert add(OFFICE, friday, 60) == local("2026-07-06T08:30")
    assert add(OFFICE, local("2026-07-06T11:30"), 60) == local("2026-07-06T13:30")
    assert not is_open(OFFICE, local("2026-07-06T12:30"))


def test_days_of_their_own_come_before_weekdays_and_holidays() -> None:
    own = hours(
        {day: [("08:00", "17:00")] for day in range(5)},
        country="US",
        days={date(2026, 7, 3): [("09:00", "11:00"), ("20:00", "02:00")], date(2026, 7, 6): []},
    )
    start = local("2026-07-03T00:00")
    assert between(own, start, start + timedelta(days=1)) == (2 + 4) * 60
    assert next_opening(own, local("2026-07-04T03:00")) == local("2026-07-07T08:00")


def test_stretches_that_meet_past_midnight_count_once() -> None:
    meeting = hours({0: [("20:00", "04:00")], 1: [("02:00", "05:00")]})
    assert between(meeting, local("2026-06-01T00:00"), local("2026-06-03T00:00")) == 9 * 60


def test_zones_are_each_counted_by_their_own_clock() -> None:
    """Open in Madrid while Chicago sleeps."""
    here, there = (hours({day: [("09:00", "17:00")] for day in range(5)}, zone) for zone in (CHICAGO, MADRID))
    at = local("2026-06-01T10:00", MADRID)
    assert (is_open(here, at), is_open(there, at)) == (False, True)


def test_nothing_can_be_counted_in_hours_that_never_come() -> None:
    with pytest.raises(NeverOpen, match="no open hours"):
        add(hours({}), local("2026-06-01T10:00"), 1)


@pytest.mark.django_db
def test_a_row_counts_as_it_stands_now() -> None:
    """Calendars are kept parsed, but never older than their rows."""
    own = Calendar.objects.create(code="own", name="Own", is_default=True)
    OpenHours.objects.create(calendar=own, weekday=0, opens=time(8), closes=time(10))
    monday = local("2026-06-01T00:00")
    assert between(own, monday, monday + timedelta(days=1)) == 120
    OpenHours.objects.create(calendar=own, weekday=0, opens=time(11), closes=time(12))
    assert between(own, monday, monday + timedelta(days=1)) == 180
    SpecialDay.objects.create(calendar=own, date=date(2026, 6, 1), name="Stock-taking")
    assert between(own, monday, monday + timedelta(days=1)) == 0
    assert between(calendars.supplier(), monday, monday + timedelta(days=8)) == 180


@pytest.mark.django_db
def test_a_calendar_row_without_hours_counts_round_the_clock(settings) -> None:
    """The workshop refuses it; were it there all the same, promises come too early, never not at all."""
    empty = Calendar.objects.create(code="empty", name="Empty")
    assert add(empty, local("2026-06-06T10:00"), 60) == local("2026-06-06T11:00")


@pytest.mark.django_db
def test_without_a_calendar_the_usual_hours_hold() -> None:
    assert promises.reply_by(local("2026-06-05T17:30"), hours=1) == local("2026-06-08T08:30")


def test_a_time_zone_must_exist() -> None:
    with pytest.raises(ValidationError, match="no time zone"):
        Calendar(code="x", name="X", time_zone="Mars/Olympus").clean_fields()


# --- the workshop ------------------------------------------------------------------------------------
def _posted(
    hours: list[tuple[int, str, str]], days: tuple[tuple[str, str, str], ...] | list = (), **known: str
) -> dict:
    data = {"code": "late", "name": "Late shift", "time_zone": "America/Denver", **known}
    data |= {"hours-TOTAL_FORMS": len(hours), "hours-INITIAL_FORMS": 0}
    data |= {"special_days-TOTAL_FORMS": len(days), "special_days-INITIAL_FORMS": 0}
    for n, row in enumerate(hours):
        data |= dict(zip((f"hours-{n}-{name}" for name in ("weekday", "opens", "closes")), row, strict=True))
    for n, row in enumerate(days):
        names = (f"special_days-{n}-{name}" for name in ("date", "opens", "closes"))
        data |= dict(zip(names, row, strict=True)) | {f"special_days-{n}-name": "Own"}
    return data


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("data", "words"),
    [
        (_posted([]), "A calendar without hours would never be open"),
        (
            _posted([(0, "08:00", "12:00"), (0, "11:00", "15:00")]),
            "Monday 08:00-12:00 and Monday 11:00-15:00",
        ),
        (_posted([(0, "22:00", "03:00"), (1, "02:00", "05:00")]), "overlap"),
        (_posted([(6, "22:00", "03:00"), (0, "02:00", "05:00")]), "overlap"),
        (_posted([(0, "08:00", "12:00")], [("2026-12-24", "08:00", "")]), "or neither"),
        (
            _posted([(0, "08:00", "12:00")], [("2026-12-24", "", ""), ("2026-12-24", "08:00", "9:00")]),
            "keep one",
        ),
        (_posted([(0, "08:00", "12:00")], time_zone="Mars/Olympus"), "no time zone of this name"),
        (_posted([(0, "08:00", "12:00")], holiday_country="QQ"), "are not known"),
        (_posted([(0, "08:00", "12:00")], holiday_country="US", holiday_subdivision="QQ"), "no such part"),
    ],
)
def test_the_workshop_says_what_is_wrong_with_a_calendar(staff_client, data, words) -> None:
    answer = staff_client("supervisor").post(reverse("admin:cases_calendar_add"), data)
    assert words in unescape(answer.content.decode())
    assert not Calendar.objects.exists()


@pytest.mark.django_db
def test_the_workshop_takes_hours_that_meet(staff_client) -> None:
    data = _posted(
        [(0, "08:00", "12:00"), (0, "12:00", "15:00"), (6, "22:00", "08:00")], [("2026-12-24", "", "")]
    )
    assert staff_client("supervisor").post(reverse("admin:cases_calendar_add"), data).status_code == 302
    assert Calendar.objects.get().hours.count() == 3
    assert (
        staff_client("supervisor")
        .post(reverse("admin:cases_calendar_add"), _posted([], always_open="on", code="always"))
        .status_code
        == 302
    )


@pytest.mark.django_db
def test_an_auditor_looks_and_changes_nothing(staff_client) -> None:
    data = _posted([(0, "08:00", "12:00")])
    assert staff_client("auditor").get(reverse("admin:cases_calendar_changelist")).status_code == 200
    assert staff_client("auditor").post(reverse("admin:cases_calendar_add"), data).status_code == 403
