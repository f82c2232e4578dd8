from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("agents", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="draft",
            name="attachments",
            field=models.JSONField(
                blank=True, db_default=[], default=list, help_text="References of documents."
            ),
        ),
        migrations.AddField(
            model_name="heldreply",
            name="through_portal",
            field=models.BooleanField(
                db_default=False,
                default=False,
                help_text="Said in the portal, whatever channel the case is on.",
            ),
        ),
    ]
