from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("cases", "0001_initial")]

    operations = [
        migrations.RunSQL(
            "CREATE SEQUENCE cases_case_number START 10001",
            "DROP SEQUENCE cases_case_number",
        )
    ]
