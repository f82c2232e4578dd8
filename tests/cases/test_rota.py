"""Who is on duty when: layers, hours, overrides, zones and both changes of the clock (R-SLA-2)."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.core.exceptions import PermissionDenied, ValidationError
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from cases import calendars, rota_warnings
from cases import rota as rules
from cases.models import Calendar, RotaOverride, RotaWarning
from config.integrations import mail
from config.integrations.breaker import PartnerDown
from tests.cases.rotas import CHICAGO, clinician, layer, rota, serves
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


def local(text: str, zone: str = CHICAGO) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))


def names(of, at: str, zone: str = CHICAGO) -> list[str]:
    return [user.display_name for user in rules.on_duty(of, local(at, zone))]


def gap_list(of, start: str, end: str, zone: str = CHICAGO) -> list[tuple[str, str]]:
    found = rules.gaps(of, local(start, zone), local(end, zone))
    return [
        tuple(moment.astimezone(ZoneInfo(zone)).strftime("%d %H:%M") for moment in (gap.start, gap.end))
        for gap in found
    ]


def test_people_take_turns_and_hand_over_at_their_hour():
    of = rota()
    layer(of, clinician("Ana"), clinician("Ben"))
    assert names(of, "2026-03-02T07:59") == ["Ben"]
    assert names(of, "2026-03-02T08:00") == ["Ana"]
    assert names(of, "2026-03-09T03:00") == ["Ana"]
    assert names(of, "2026-03-09T08:00") == ["Ben"]


def test_whoever_lost_the_role_is_called_to_nothing_and_leaves_a_gap():
    of, gone = rota(), clinician("Ana")
    layer(of, gone, clinician("Ben"))
    gone.role_grants.all().delete()
    assert names(of, "2026-03-02T08:00") == []
    assert names(of, "2026-03-09T08:00") == ["Ben"]
    assert gap_list(of, "2026-03-02T08:00", "2026-03-10T08:00") == [("02 08:00", "09 08:00")]
    RotaOverride.objects.create(
        rota=of, user=gone, starts_at=local("2026-03-09T09:00"), ends_at=local("2026-03-09T12:00")
    )
    assert names(of, "2026-03-09T10:00") == ["Ben"]


def test_before_the_first_turn_nobody_is_on_duty():
    of = rota()
    layer(of, clinician("Ana"), begins_on=date(2026, 3, 2))
    assert names(of, "2026-03-02T07:59") == []
    assert names(of, "2026-03-02T08:00") == ["Ana"]


def test_the_first_layer_wins_and_the_next_stands_behind():
    of = rota()
    layer(of, clinician("Back"), rank=2)
    layer(of, clinician("Front"), rank=1)
    assert names(of, "2026-03-04T12:00") == ["Front", "Back"]


def test_a_layer_serves_its_hours_past_midnight_as_well():
    of = rota()
    night = layer(of, clinician("Night"))
    serves(night, "20:00", "06:00")
    assert names(of, "2026-03-04T23:00") == ["Night"]
    assert names(of, "2026-03-05T05:59") == ["Night"]
    assert names(of, "2026-03-05T06:00") == []


def test_hours_of_one_weekday_last_into_the_next():
    of = rota()
    friday = layer(of, clinician("Friday"))
    serves(friday, "22:00", "04:00", weekday=4)
    assert names(of, "2026-03-07T03:00") == ["Friday"]  # a Saturday
    assert names(of, "2026-03-06T03:00") == []


def test_a_gap_at_three_in_the_morning_is_named():
    """The bad input of the issue: who is on duty until three, and from four."""
    of = rota()
    serves(layer(of, clinician("Late")), "04:00", "03:00")
    assert gap_list(of, "2026-03-03T00:00", "2026-03-05T00:00") == [
        ("03 03:00", "03 04:00"),
        ("04 03:00", "04 04:00"),
    ]


def test_an_override_closes_a_gap_and_wins_over_all_layers():
    of = rota()
    serves(layer(of, clinician("Late")), "04:00", "03:00")
    stands_in = clinician("Stand-in")
    RotaOverride.objects.create(
        rota=of, user=stands_in, starts_at=local("2026-03-03T02:30"), ends_at=local("2026-03-03T05:00")
    )
    assert names(of, "2026-03-03T03:30") == ["Stand-in"]
    assert names(of, "2026-03-03T02:45") == ["Stand-in"]
    assert gap_list(of, "2026-03-03T00:00", "2026-03-04T00:00") == []


def test_an_override_stands_in_for_the_first_and_leaves_the_others_behind():
    of = rota()
    layer(of, clinician("Front"), rank=1)
    layer(of, clinician("Back"), rank=2)
    stand_in = {"starts_at": local("2026-03-03T00:00"), "ends_at": local("2026-03-04T00:00")}
    RotaOverride.objects.create(rota=of, user=clinician("Ida"), **stand_in)
    assert names(of, "2026-03-03T12:00") == ["Ida", "Back"]
    RotaOverride.objects.create(rota=of, user=clinician("Jo"), **stand_in)
    assert names(of, "2026-03-03T12:00") == ["Jo", "Back"]


def test_who_has_left_leaves_a_gap_rather_than_a_dead_number():
    of = rota()
    layer(of, clinician("Gone", is_active=False))
    assert len(rules.gaps(of, local("2026-03-03T00:00"), local("2026-03-04T00:00"))) == 1


def test_layers_keep_their_own_zone():
    """A night shift in Manila covers the night of Chicago by Manila's clock."""
    of = rota()
    serves(layer(of, clinician("Manila"), time_zone="Asia/Manila", hand_over_at=time(0)), "09:00", "21:00")
    assert names(of, "2026-01-14T19:00") == ["Manila"]  # 09:00 on the 15th there
    assert names(of, "2026-01-14T18:59") == []
    assert names(of, "2026-07-14T20:00") == ["Manila"]  # Chicago has moved its clock, Manila has not
    assert names(of, "2026-07-14T19:59") == []


@pytest.mark.parametrize(
    ("day", "hours"),
    [("2026-03-08", 23), ("2026-11-01", 25), ("2026-06-01", 24)],
    ids=["spring", "autumn", "summer"],
)
def test_a_turn_is_as_long_as_its_day(day, hours):
    of = rota()
    layer(of, clinician("Ana"), clinician("Ben"), turn_days=1, hand_over_at=time(0))
    start = local(f"{day}T00:00")
    turn = rules.hand_overs(of, start, start.astimezone(UTC) + timedelta(hours=hours))
    assert len(turn) == 1
    both = rules.hand_overs(of, start, start.astimezone(UTC) + timedelta(hours=hours + 1))
    assert [stretch.people[0].display_name for stretch in both] in (["Ana", "Ben"], ["Ben", "Ana"])


def test_the_hour_that_comes_twice_has_one_hand_over():
    """Half past one comes twice on 1 November: the turn that began does not go back."""
    of = rota()
    layer(of, clinician("Ana"), clinician("Ben"), turn_days=1, hand_over_at=time(1, 30))
    start = local("2026-11-01T00:00").astimezone(UTC)
    turns = rules.hand_overs(of, start, start + 5 * HOUR)
    assert len(turns) == 2
    assert turns[0].end == start + timedelta(hours=1, minutes=30)


def test_hours_that_meet_in_the_hour_that_is_left_out_leave_no_gap():
    of = rota()
    both = layer(of, clinician("Ana"))
    serves(both, "00:00", "02:30")
    serves(both, "02:30", "00:00")
    assert gap_list(of, "2026-03-07T00:00", "2026-03-10T00:00") == []


CLOCKS = st.times().map(lambda clock: clock.replace(second=0, microsecond=0))
ZONES = st.sampled_from([CHICAGO, "Europe/Berlin", "Asia/Manila", "America/Phoenix", "Australia/Lord_Howe"])


@given(
    layers=st.lists(st.tuples(ZONES, CLOCKS, CLOCKS, CLOCKS, st.integers(1, 9)), min_size=1, max_size=3),
    start=st.datetimes(datetime(2026, 1, 6), datetime(2027, 1, 1), timezones=st.just(UTC)),
    inside=st.floats(0, 0.999),
)
@hypothesis_settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_time_cut_into_stretches_says_what_each_moment_says(layers, start, inside):
    """Stretches meet without hole or overlap, and within one the same people are on duty."""
    people = (clinician_of_mind("Ana"), clinician_of_mind("Ben"))
    plan = rules.Plan(
        rota=None,
        layers=tuple(
            rules.Layer(ZoneInfo(zone), date(2026, 1, 1), hand, days, people, ((None, opens, shuts),))
            for zone, hand, opens, shuts, days in layers
        ),
    )
    end = start + timedelta(days=9)
    cut = plan.stretches(start, end)
    assert (cut[0].start, cut[-1].end) == (start, end)
    assert all(one.end == following.start for one, following in pairwise(cut))
    assert all(one.people != following.people for one, following in pairwise(cut))
    for stretch in cut:
        assert tuple(plan.on_duty(stretch.start + (stretch.end - stretch.start) * inside)) == stretch.people


def clinician_of_mind(name: str):
    from portal.models import User

    return User(pk=ord(name[0]), display_name=name, is_active=True)


def test_a_rota_is_read_in_as_many_queries_as_it_has_tables(django_assert_max_num_queries):
    of = rota()
    for rank in range(1, 6):
        serves(layer(of, *(clinician() for _ in range(4)), rank=rank), "00:00", "12:00")
    with django_assert_max_num_queries(7):
        rules.gaps(of, local("2026-03-02T00:00"), local("2026-03-16T00:00"))


def test_a_time_without_end_is_not_looked_at():
    with pytest.raises(ValueError, match="hundred days"):
        rules.gaps(rota(), local("2026-03-02T00:00"), local("2027-03-02T00:00"))


# --- overrides from the board --------------------------------------------------------------------------
@time_machine.travel("2026-03-03T12:00Z", tick=False)
def test_a_lead_puts_somebody_on_duty():
    of, lead, ida = rota(), UserFactory(roles=["lead"]), clinician("Ida")
    starts, ends = local("2026-03-03T12:00"), local("2026-03-03T20:00")
    made = rules.stand_in(lead, rota=of, user=ida, starts_at=starts, ends_at=ends)
    assert made.made_by == lead
    assert rules.on_duty(of, starts) == [ida]


@pytest.mark.parametrize(
    ("starts", "ends", "roles", "field"),
    [
        ("2026-03-04T20:00", "2026-03-04T12:00", ["clinician"], "ends_at"),
        ("2026-03-01T12:00", "2026-03-01T20:00", ["clinician"], "ends_at"),
        ("2026-03-04T12:00", "2026-03-04T20:00", ["warehouse"], "user"),
    ],
    ids=["backwards", "over", "cannot acknowledge"],
)
@time_machine.travel("2026-03-03T12:00Z", tick=False)
def test_an_override_that_can_not_be_is_refused_in_words(starts, ends, roles, field):
    lead, who = UserFactory(roles=["lead"]), clinician("Ida", roles=roles)
    with pytest.raises(ValidationError) as refused:
        rules.stand_in(lead, rota=rota(), user=who, starts_at=local(starts), ends_at=local(ends))
    assert list(refused.value.message_dict) == [field]
    assert not RotaOverride.objects.exists()


def test_agents_change_no_rota():
    agent = UserFactory(roles=["agent"])
    with pytest.raises(PermissionDenied):
        rules.stand_in(
            agent,
            rota=rota(),
            user=agent,
            starts_at=local("2030-01-01T00:00"),
            ends_at=local("2030-01-02T00:00"),
        )


# --- told before they bite -----------------------------------------------------------------------------
@time_machine.travel("2026-03-03T15:00Z", tick=False)
def test_leads_hear_once_a_day_of_gaps_to_come(mailoutbox):
    of = rota()
    serves(layer(of, clinician("Late")), "04:00", "03:00")
    UserFactory(roles=["lead"], email="lead@example.org")
    assert rota_warnings.tell() == 1
    assert rota_warnings.tell() == 0
    (letter,) = mailoutbox
    assert letter.to == ["lead@example.org"]
    assert "Wed 4 Mar 03:00 to Wed 4 Mar 04:00 (America/Chicago)" in letter.body
    assert letter.body.count("03:00 to") == 14
    with time_machine.travel("2026-03-04T15:00Z", tick=False):
        assert rota_warnings.tell() == 1


@time_machine.travel("2026-03-03T15:00Z", tick=False)
def test_nobody_is_bothered_where_there_is_no_gap(mailoutbox):
    layer(rota(), clinician("Always"))
    UserFactory(roles=["lead"])
    assert rota_warnings.tell() == 0
    assert mailoutbox == []


@time_machine.travel("2026-03-03T15:00Z", tick=False)
def test_a_warning_that_could_not_go_is_tried_again(monkeypatch, mailoutbox):
    rota()  # without anybody
    UserFactory(roles=["lead"])

    def down(*_):
        raise PartnerDown("mail")

    with monkeypatch.context() as patch:
        patch.setattr(mail, "send", down)
        assert rota_warnings.tell() == 0
    assert RotaWarning.objects.get().sent_at is None
    assert rota_warnings.tell() == 1


@time_machine.travel("2026-03-03T09:00Z", tick=False)
def test_no_warning_goes_out_at_three_in_the_morning(mailoutbox):
    rota()
    UserFactory(roles=["lead"])
    assert rota_warnings.tell() == 0


def test_a_rota_of_business_hours_has_no_gaps_at_night():
    Calendar.objects.all().delete()
    of = rota()
    of.around_the_clock = False
    of.save()
    assert gap_list(of, "2026-03-03T00:00", "2026-03-03T05:00") == []
    ((start, _end),) = gap_list(of, "2026-03-03T03:00", "2026-03-03T23:00")
    assert calendars.is_open(calendars.supplier(), local(f"2026-03-{start.replace(' ', 'T')}"))
