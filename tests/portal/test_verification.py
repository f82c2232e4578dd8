import pytest
from portal import verification
from tests.factories import *
@pytest.mark.django_db
def test_thin():
    case = CaseFactory(); agent = UserFactory(roles=["agent"])
    p = case.patient; purpose=f"case:{case.pk}"
    assert verification.standing(agent, p, purpose=purpose).level == 0
    out = verification.attempt(agent, patient=p, purpose=purpose, given={"birth_date":"4/12/1961","last4":"4321"})
    assert out.passed and out.standing.level == 1 and out.standing.opens("orders") and not out.standing.opens("clinical")
    for i in range(3):
        out = verification.attempt(agent, patient=p, purpose=purpose, given={"birth_date":"4/13/1961","last4":"4321"})
    assert not out.passed and out.standing.level == 0 and out.standing.locked_until
