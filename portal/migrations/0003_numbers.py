"""The counters behind account and order numbers."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("portal", "0002_trail_guards")]
    operations = [
        migrations.RunSQL(
            "CREATE SEQUENCE portal_account_number START 10001; CREATE SEQUENCE portal_order_number START 100001;",
            "DROP SEQUENCE portal_account_number; DROP SEQUENCE portal_order_number;",
        )
    ]
