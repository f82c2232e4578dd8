"""What the portal announces. Sent on commit, with ids alone; apps to the right listen.

| signal | sent when | carries |
|---|---|---|
| ``patient_changed`` | a patient's record changed | ``patient_id``, ``fields`` |
| ``order_changed`` | an order, a shipment or a milestone of it changed | ``order_id``, ``what`` |
| ``document_ready`` | a file passed the pipeline | ``document_id`` |
| ``document_refused`` | a file failed it | ``document_id`` |
| ``export_ready`` | a copy of a patient's data can be downloaded | ``export_id``, ``patient_id`` |
| ``verification_tried`` | somebody tried to show who they are | ``verification_id``, ``purpose`` |
| ``verification_locked`` | too many failures locked verification of a patient | ``patient_id`` |
| ``circumstances_told`` | a death, a stay, how to speak with them | ``patient_id``, ``purpose``, ``what``, ``by`` |
| ``records_merged`` | two records became one, or were parted again | ``patient_ids`` |
| ``glass_broken`` | a record was opened in an emergency | ``access_id``, ``purpose`` |
| ``tier_changed`` | what is promised to a patient may be something else | ``patient_id`` |
| ``sessions_ended`` | sessions of a user ended (sign-out, time-out, deactivation) | ``user_id``, ``session_ids`` |
"""

from django.dispatch import Signal

patient_changed = Signal()
order_changed = Signal()
document_ready = Signal()
document_refused = Signal()
export_ready = Signal()
verification_tried = Signal()
verification_locked = Signal()
circumstances_told = Signal()
records_merged = Signal()
glass_broken = Signal()
tier_changed = Signal()
sessions_ended = Signal()
