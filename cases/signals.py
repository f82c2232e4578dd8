"""What the case work announces. Sent on commit, with ids alone; apps to the right listen.

| signal | sent when | carries |
|---|---|---|
| ``contact_waiting`` | a customer's contact waits for a person | ``case_id``, ``conversation_id`` |
| ``case_changed`` | a case opened, moved, was assigned or closed | ``case_id``, ``what`` |
| ``clock_warned`` | a clock of a case will run out soon | ``case_id``, ``clock_id`` |
| ``clock_breached`` | a clock of a case ran out | ``case_id``, ``clock_id`` |
| ``message_stored`` | a message was committed | ``conversation_id``, ``message_id`` |
"""

from django.dispatch import Signal

contact_waiting = Signal()
case_changed = Signal()
message_stored = Signal()
clock_warned = Signal()
clock_breached = Signal()
