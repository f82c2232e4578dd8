"""What the floor announces. Sent on commit, with ids alone.

| signal | sent when | carries |
|---|---|---|
| ``presence_changed`` | an agent said how they stand, or was put away | ``user_id``, ``state`` |
| ``offer_answered`` | an offer was made, or is no longer open | ``offer_id``, ``state`` |
"""

from django.dispatch import Signal

presence_changed = Signal()
offer_answered = Signal()
