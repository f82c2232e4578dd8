"""People are told of promises that wait for them, and cases to be contacted again are found by their day."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """The index is built while everybody works on; of the column nothing changes but what Django calls its values."""

    atomic = False
    dependencies = [("cases", "0005_incident_runs")]

    operations = [
        migrations.AlterField(
            model_name="notification",
            name="kind",
            field=models.CharField(
                choices=[
                    ("mentioned", "You were mentioned"),
                    ("message", "The customer wrote"),
                    ("closed", "Closed"),
                    ("reopened", "Reopened"),
                    ("transferred", "Transferred"),
                    ("merged", "Merged"),
                    ("woken", "Snooze is over"),
                    ("escalated", "Escalated"),
                    ("acknowledged", "Acknowledged"),
                    ("clock", "Clock"),
                    ("low_score", "A customer gave a low score"),
                    ("released", "Its owner works here no more"),
                    ("callback", "A promised call was not made"),
                    ("unsent", "A reply did not go out"),
                    ("next_contact", "The day of the next contact"),
                ],
                max_length=12,
            ),
        ),
        AddIndexConcurrently(
            model_name="case",
            index=models.Index(
                fields=["next_contact_on", "id"],
                condition=models.Q(state="closed", next_contact_on__isnull=False),
                name="cases_to_contact_again",
            ),
        ),
    ]
