"""What a reply needs before anything is sent."""

import uuid

import pytest

from agents.forms import SayForm


@pytest.mark.parametrize("body", ["", " \n", "\u200b", "\u2800\u00ad"])
def test_words_that_nobody_could_see_are_no_message(body: str) -> None:
    form = SayForm({"kind": "reply", "body": body, "client_id": str(uuid.uuid4())})
    assert not form.is_valid()
    assert SayForm({"kind": "reply", "body": f"{body}yes", "client_id": str(uuid.uuid4())}).is_valid()
