"""Tags on cases (R-CASE-1)."""

import pytest
from django.core.exceptions import PermissionDenied, ValidationError

from cases import tags
from cases.cases import Conflict
from cases.models import Case, CaseEvent, Tag
from portal.models import User
from tests.factories import CaseFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def agent() -> User:
    Tag.objects.bulk_create([Tag(name="recall"), Tag(name="travel"), Tag(name="old", active=False)])
    return UserFactory(roles=["agent"])


def of(case: Case) -> list[str]:
    return list(case.tags.values_list("name", flat=True))


def test_a_case_bears_the_tags_it_was_given_last(agent: User) -> None:
    case = CaseFactory()
    tags.set_tags(agent, case=case, tags=["Recall ", "travel", ""])
    assert of(case) == ["recall", "travel"]
    tags.set_tags(agent, case=case, tags=["travel"])
    assert of(case) == ["travel"]
    tags.add_tags(agent, case=case, tags=["recall", "travel"])
    tags.add_tags(agent, case=case, tags=["recall"])
    assert of(case) == ["recall", "travel"]
    assert [event.detail["to"] for event in CaseEvent.objects.order_by("pk")] == [
        "recall, travel", "travel", "recall, travel",
    ]  # fmt: skip


def test_a_tag_that_is_not_in_use_can_not_be_given(agent: User) -> None:
    case = CaseFactory()
    for name in ("nonsense", "old"):
        with pytest.raises(ValidationError, match=name):
            tags.set_tags(agent, case=case, tags=["recall", name])
    assert of(case) == []
    case.tags.add(Tag.objects.get(name="old"))
    tags.add_tags(agent, case=case, tags=["recall"])
    assert of(case) == ["old", "recall"]


def test_the_second_of_two_and_strangers_are_told(agent: User) -> None:
    case = CaseFactory()
    tags.set_tags(agent, case=case, tags=["recall"], version=0)
    with pytest.raises(Conflict):
        tags.set_tags(agent, case=case, tags=["travel"], version=0)
    with pytest.raises(PermissionDenied):
        tags.set_tags(UserFactory(roles=["qa"]), case=case, tags=["travel"])
    assert of(case) == ["recall"]
