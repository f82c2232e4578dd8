import config.first_tables
import config.security.blind
import config.security.fields
import config.security.normal
import django.db.models.deletion
import django.utils.timezone
import uuid
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('portal', '0001_initial'),
    ]

    operations = [
        config.first_tables.CreateTables(
            operations=[
                migrations.CreateModel(
                    name='Payer',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('payer_id', models.CharField(max_length=24, unique=True)),
                        ('name', models.CharField(max_length=120)),
                        ('payer_class', models.CharField(choices=[('medicare', 'Medicare'), ('medicare_advantage', 'Medicare Advantage'), ('medicaid', 'Medicaid'), ('commercial', 'Commercial'), ('self_pay', 'Self-pay')], max_length=20)),
                        ('synthetic', models.BooleanField(default=False)),
                    ],
                    options={
                        'ordering': ['name'],
                    },
                ),
                migrations.CreateModel(
                    name='Coverage',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('ref', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                        ('rank', models.PositiveSmallIntegerField(choices=[(1, 'Primary'), (2, 'Secondary'), (3, 'Tertiary')], default=1)),
                        ('member_id', config.security.fields.EncryptedCharField(blank=True)),
                        ('member_index', config.security.blind.BlindIndexField(db_index=True, editable=False, follows=('member_id',), max_length=64, normalise=config.security.normal.member_id, null=True, source='member_id')),
                        ('group_number', config.security.fields.EncryptedCharField(blank=True)),
                        ('plan_name', models.CharField(blank=True, max_length=120)),
                        ('relationship', models.CharField(choices=[('self', 'Self'), ('spouse', 'Spouse'), ('child', 'Child'), ('other', 'Other')], default='self', max_length=8)),
                        ('active', models.BooleanField(default=True)),
                        ('starts_on', models.DateField(blank=True, null=True)),
                        ('ends_on', models.DateField(blank=True, null=True)),
                        ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                        ('card_back', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='portal.document')),
                        ('card_front', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='portal.document')),
                        ('patient', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='coverages', to='portal.patient')),
                        ('payer', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='billing.payer')),
                    ],
                    options={
                        'ordering': ['patient', 'rank'],
                    },
                ),
            ],
        ),
    ]
