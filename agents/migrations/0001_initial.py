import config.first_tables
import config.security.fields
import django.contrib.postgres.fields
import django.core.validators
import django.db.models.deletion
import django.utils.timezone
import uuid
from decimal import Decimal
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('cases', '0001_initial'),
        ('portal', '__first__'),
    ]

    operations = [
        config.first_tables.CreateTables(
            operations=[
                migrations.CreateModel(
                    name='ChannelLoad',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('channel', models.CharField(choices=[('phone', 'Phone'), ('portal', 'Portal'), ('chat', 'Chat'), ('email', 'E-mail'), ('sms', 'Text message')], max_length=8, unique=True)),
                        ('cost', models.DecimalField(decimal_places=2, default=Decimal('1'), help_text='Units that one contact takes of an agent.', max_digits=6, validators=[django.core.validators.MinValueValidator(Decimal('0'))])),
                        ('capacity', models.DecimalField(decimal_places=2, default=Decimal('3'), help_text='Units of this channel an agent carries at once.', max_digits=6, validators=[django.core.validators.MinValueValidator(Decimal('0'))])),
                    ],
                    options={
                        'ordering': ['channel'],
                    },
                ),
                migrations.CreateModel(
                    name='Skill',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('code', models.SlugField(max_length=24, unique=True)),
                        ('name', models.CharField(max_length=60)),
                        ('active', models.BooleanField(default=True)),
                    ],
                    options={
                        'ordering': ['name'],
                    },
                ),
                migrations.CreateModel(
                    name='AgentPresence',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('state', models.CharField(choices=[('online', 'Online'), ('busy', 'Busy'), ('away', 'Away'), ('offline', 'Offline')], default='offline', max_length=8)),
                        ('put_away_from', models.CharField(blank=True, choices=[('online', 'Online'), ('busy', 'Busy'), ('away', 'Away'), ('offline', 'Offline')], editable=False, max_length=8)),
                        ('chat_capacity', models.PositiveSmallIntegerField(default=3)),
                        ('changed_at', models.DateTimeField(default=django.utils.timezone.now)),
                        ('seen_at', models.DateTimeField(default=django.utils.timezone.now)),
                        ('last_given_at', models.DateTimeField(blank=True, editable=False, null=True)),
                        ('user', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='presence', to=settings.AUTH_USER_MODEL)),
                    ],
                ),
                migrations.CreateModel(
                    name='Announcement',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('title', models.CharField(max_length=120)),
                        ('body', models.TextField(blank=True, max_length=2000)),
                        ('level', models.CharField(choices=[('info', 'Good to know'), ('warn', 'Act on it'), ('urgent', 'Now')], default='info', max_length=6)),
                        ('roles', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(choices=[('agent', 'Agent'), ('billing', 'Billing specialist'), ('clinician', 'Clinician'), ('lead', 'Lead'), ('supervisor', 'Supervisor'), ('coach', 'Coach'), ('qa', 'QA reviewer'), ('intake', 'Intake'), ('warehouse', 'Warehouse'), ('technician', 'Technician'), ('auditor', 'Auditor'), ('administrator', 'Administrator'), ('patient', 'Patient'), ('caregiver', 'Caregiver')], max_length=16), blank=True, default=list, help_text='Empty: everybody at the desk.', size=None)),
                        ('since', models.DateTimeField(default=django.utils.timezone.now)),
                        ('until', models.DateTimeField()),
                        ('withdrawn_at', models.DateTimeField(blank=True, null=True)),
                        ('by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ],
                    options={
                        'ordering': ['-since'],
                        'constraints': [models.CheckConstraint(condition=models.Q(('until__gt', models.F('since'))), name='announcements_end_after_they_begin')],
                    },
                ),
                migrations.CreateModel(
                    name='AnnouncementSeen',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('at', models.DateTimeField(default=django.utils.timezone.now)),
                        ('announcement', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='seen', to='agents.announcement')),
                        ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ],
                    options={
                        'constraints': [models.UniqueConstraint(fields=('announcement', 'user'), name='seen_once_by_each')],
                    },
                ),
                migrations.CreateModel(
                    name='Draft',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('kind', models.CharField(choices=[('reply', 'Reply'), ('note', 'Note'), ('whisper', 'Whisper')], default='reply', max_length=8)),
                        ('body', config.security.fields.EncryptedTextField(blank=True)),
                        ('made_from', models.CharField(blank=True, help_text='The reply kept ready behind it.', max_length=24)),
                        ('since_message', models.BigIntegerField(default=0)),
                        ('saved_at', models.DateTimeField(default=django.utils.timezone.now)),
                        ('case', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='drafts', to='cases.case')),
                        ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='drafts', to=settings.AUTH_USER_MODEL)),
                    ],
                    options={
                        'constraints': [models.UniqueConstraint(fields=('user', 'case'), name='one_draft_per_agent_and_case')],
                    },
                ),
                migrations.CreateModel(
                    name='HeldReply',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('ref', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                        ('body', config.security.fields.EncryptedTextField()),
                        ('attachments', models.JSONField(blank=True, default=list, help_text='References of documents.')),
                        ('client_id', models.UUIDField()),
                        ('made_from', models.CharField(blank=True, help_text='The reply kept ready behind it.', max_length=24)),
                        ('seen', models.BigIntegerField(default=0)),
                        ('state', models.CharField(choices=[('held', 'About to be sent'), ('scheduled', 'Sent later'), ('sent', 'Sent'), ('undone', 'Taken back'), ('cancelled', 'Held back: the customer wrote'), ('refused', 'Could not be sent')], default='held', max_length=10)),
                        ('anyway', models.BooleanField(default=False, help_text='Goes out even where the customer writes first.')),
                        ('release_at', models.DateTimeField()),
                        ('made_at', models.DateTimeField(default=django.utils.timezone.now)),
                        ('settled_at', models.DateTimeField(blank=True, null=True)),
                        ('refused_for', models.CharField(blank=True, max_length=24)),
                        ('case', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='held_replies', to='cases.case')),
                        ('conversation', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='cases.conversation')),
                        ('user', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='held_replies', to=settings.AUTH_USER_MODEL)),
                    ],
                    options={
                        'indexes': [models.Index(condition=models.Q(('state__in', ('held', 'scheduled'))), fields=['release_at'], name='replies_due'), models.Index(condition=models.Q(('state__in', ('held', 'scheduled'))), fields=['case'], name='held_replies_of_case')],
                        'constraints': [models.UniqueConstraint(fields=('user', 'client_id'), name='one_held_reply_per_id')],
                    },
                ),
                migrations.CreateModel(
                    name='Offer',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('kind', models.CharField(choices=[('placed', 'Routed'), ('transfer', 'Warm transfer'), ('baton', 'Shift baton')], default='placed', max_length=8)),
                        ('state', models.CharField(choices=[('open', 'Waiting for an answer'), ('accepted', 'Accepted'), ('declined', 'Declined'), ('timed_out', 'Not answered in time'), ('withdrawn', 'Withdrawn')], default='open', max_length=9)),
                        ('summary', config.security.fields.EncryptedTextField(blank=True)),
                        ('why', models.JSONField(blank=True, default=dict)),
                        ('declined_for', models.CharField(blank=True, choices=[('busy', 'In the middle of something else'), ('skill', "Needs somebody else's knowledge"), ('break', 'About to leave the desk'), ('conflict', 'I know this person privately'), ('other', 'Another reason')], max_length=8)),
                        ('made_at', models.DateTimeField(default=django.utils.timezone.now)),
                        ('expires_at', models.DateTimeField()),
                        ('answered_at', models.DateTimeField(blank=True, null=True)),
                        ('agent', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='offers', to=settings.AUTH_USER_MODEL)),
                        ('case', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='offers', to='cases.case')),
                        ('conversation', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='cases.conversation')),
                        ('giver', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='given_offers', to=settings.AUTH_USER_MODEL)),
                    ],
                    options={
                        'ordering': ['-made_at', '-pk'],
                        'indexes': [models.Index(condition=models.Q(('state', 'open')), fields=['agent'], name='open_offers_of_agent'), models.Index(condition=models.Q(('state', 'open')), fields=['expires_at'], name='open_offers_by_end'), models.Index(fields=['case', '-made_at'], name='offers_of_case')],
                        'constraints': [models.UniqueConstraint(condition=models.Q(('state', 'open')), fields=('case',), name='one_open_offer_per_case')],
                    },
                ),
                migrations.CreateModel(
                    name='Preferences',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('shortcuts', models.BooleanField(default=True, verbose_name='Keyboard shortcuts')),
                        ('enter_sends', models.BooleanField(default=False, help_text='Otherwise Ctrl+Enter sends and Enter begins a new line.', verbose_name='Enter sends')),
                        ('sounds', models.CharField(choices=[('none', 'Never'), ('mine', 'For my own cases'), ('all', 'For every new contact')], default='mine', max_length=4, verbose_name='Sounds')),
                        ('notices', models.BooleanField(default=False, help_text='They say that something waits and never what or whose. The browser asks you once.', verbose_name='Notices of the desktop')),
                        ('undo_seconds', models.PositiveSmallIntegerField(choices=[(0, 'None'), (5, '5 seconds'), (10, '10 seconds'), (30, '30 seconds')], default=10, help_text='Replies wait so long before they leave; never in a live chat.', verbose_name='Time to take a reply back')),
                        ('sort', models.CharField(choices=[('due', 'By next breach'), ('contact', 'By last contact')], default='due', max_length=8, verbose_name='Order of lists')),
                        ('user', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='preferences', to=settings.AUTH_USER_MODEL)),
                    ],
                ),
                migrations.CreateModel(
                    name='RoutingRules',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('units_in_all', models.DecimalField(decimal_places=2, default=Decimal('6'), help_text='Units an agent carries over all channels, unless theirs say otherwise.', max_digits=6, validators=[django.core.validators.MinValueValidator(Decimal('0'))])),
                        ('away_after', models.PositiveIntegerField(default=60, help_text="Seconds without a sign of an agent's console until they are away.")),
                        ('offline_after', models.PositiveIntegerField(default=300, help_text='Seconds without one until they are offline and their chats go to others.')),
                        ('idle_after', models.PositiveIntegerField(default=600, help_text='Seconds without use of an open console until the agent is away; 0: never.')),
                        ('overlap_minutes', models.PositiveSmallIntegerField(default=15, help_text='How long before the end of a shift its open work is handed over.')),
                        ('baton_minutes', models.PositiveSmallIntegerField(default=15, help_text='How long somebody has to take over what a shift hands them.')),
                        ('transfer_within', models.PositiveIntegerField(default=60, help_text='Seconds somebody has to accept what a colleague hands them.')),
                        ('passed_minutes', models.PositiveSmallIntegerField(default=15, help_text='How long whoever passed on a contact is not offered it again.')),
                    ],
                    options={
                        'verbose_name': 'rules of routing',
                        'verbose_name_plural': 'rules of routing',
                        'constraints': [models.CheckConstraint(condition=models.Q(('pk', 1)), name='one_row_of_routing_rules')],
                    },
                ),
                migrations.CreateModel(
                    name='SavedView',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('name', models.CharField(max_length=40, verbose_name='Name')),
                        ('key', models.CharField(blank=True, max_length=1, verbose_name='Letter after g')),
                        ('filters', models.JSONField(default=dict)),
                        ('sort', models.CharField(choices=[('due', 'By next breach'), ('contact', 'By last contact')], default='due', max_length=8, verbose_name='Order')),
                        ('shared', models.BooleanField(default=False, verbose_name='Everybody sees it')),
                        ('owner', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='saved_views', to=settings.AUTH_USER_MODEL)),
                    ],
                    options={
                        'ordering': ['name', 'id'],
                        'constraints': [models.UniqueConstraint(fields=('owner', 'name'), name='one_saved_view_per_name'), models.UniqueConstraint(condition=models.Q(('key', ''), _negated=True), fields=('owner', 'key'), name='one_saved_view_per_letter')],
                    },
                ),
                migrations.CreateModel(
                    name='Shift',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('start', models.DateTimeField()),
                        ('end', models.DateTimeField()),
                        ('handed_over_at', models.DateTimeField(blank=True, editable=False, null=True)),
                        ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='shifts', to=settings.AUTH_USER_MODEL)),
                    ],
                    options={
                        'ordering': ['start', 'pk'],
                        'indexes': [models.Index(fields=['user', 'end'], name='shifts_of_agent'), models.Index(fields=['end'], name='shifts_by_end')],
                        'constraints': [models.CheckConstraint(condition=models.Q(('end__gt', models.F('start'))), name='shifts_end_after_they_start')],
                    },
                ),
                migrations.CreateModel(
                    name='SideConversation',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('ref', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                        ('party', models.CharField(choices=[('prescriber', 'Prescriber'), ('carrier', 'Carrier'), ('payer', 'Payer')], max_length=10, verbose_name='With')),
                        ('name', config.security.fields.EncryptedCharField()),
                        ('address', config.security.fields.EncryptedEmailField()),
                        ('token_digest', models.CharField(max_length=64, unique=True)),
                        ('token', config.security.fields.EncryptedCharField()),
                        ('started_at', models.DateTimeField(default=django.utils.timezone.now)),
                        ('last_at', models.DateTimeField(default=django.utils.timezone.now)),
                        ('unread', models.PositiveSmallIntegerField(default=0)),
                        ('case', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='side_conversations', to='cases.case')),
                        ('started_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ],
                    options={
                        'indexes': [models.Index(fields=['case', '-last_at'], name='side_conversations_of_case')],
                    },
                ),
                migrations.CreateModel(
                    name='SideMessage',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('body', config.security.fields.EncryptedTextField()),
                        ('state', models.CharField(choices=[('due', 'On its way'), ('sent', 'Sent'), ('failed', 'Not sent'), ('received', 'Received')], max_length=8)),
                        ('external_id', models.CharField(blank=True, max_length=160)),
                        ('at', models.DateTimeField(default=django.utils.timezone.now)),
                        ('tries', models.PositiveSmallIntegerField(default=0)),
                        ('author', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('side', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='messages', to='agents.sideconversation')),
                    ],
                    options={
                        'ordering': ['at', 'id'],
                        'indexes': [models.Index(condition=models.Q(('state', 'due')), fields=['id'], name='side_mails_due')],
                        'constraints': [models.UniqueConstraint(condition=models.Q(('external_id', ''), _negated=True), fields=('side', 'external_id'), name='one_mail_per_message_id')],
                    },
                ),
                migrations.CreateModel(
                    name='AgentSkill',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('level', models.PositiveSmallIntegerField(choices=[(1, 'Learning'), (2, 'Able'), (3, 'Expert')], default=2)),
                        ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='skills', to=settings.AUTH_USER_MODEL)),
                        ('skill', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='holders', to='agents.skill')),
                    ],
                    options={
                        'ordering': ['user', 'skill'],
                        'constraints': [models.UniqueConstraint(fields=('user', 'skill'), name='one_level_per_agent_and_skill')],
                    },
                ),
                migrations.CreateModel(
                    name='SkillDemand',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('level', models.PositiveSmallIntegerField(choices=[(1, 'Learning'), (2, 'Able'), (3, 'Expert')], default=1, help_text='At least this level.')),
                        ('family', models.CharField(blank=True, choices=[('billing', 'Billing'), ('delivery', 'Delivery'), ('warranty', 'Warranty'), ('clinical', 'Clinical')], max_length=10)),
                        ('channel', models.CharField(blank=True, choices=[('phone', 'Phone'), ('portal', 'Portal'), ('chat', 'Chat'), ('email', 'E-mail'), ('sms', 'Text message')], max_length=8)),
                        ('language', models.CharField(blank=True, choices=[('en', 'English'), ('es', 'Spanish')], max_length=2)),
                        ('product_line', models.CharField(blank=True, choices=[('cpap', 'Sleep therapy'), ('oxygen', 'Oxygen'), ('nebulizer', 'Nebulizer'), ('breast_pump', 'Breast pump'), ('mobility', 'Beds and mobility')], max_length=16)),
                        ('wider_after', models.PositiveSmallIntegerField(blank=True, help_text='Minutes of waiting after which less is asked; empty: never.', null=True)),
                        ('active', models.BooleanField(default=True)),
                        ('reason', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='cases.reason')),
                        ('skill', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='demands', to='agents.skill')),
                        ('team', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='cases.team')),
                        ('wider_skill', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='agents.skill')),
                    ],
                    options={
                        'ordering': ['pk'],
                    },
                ),
                migrations.CreateModel(
                    name='TeamRouting',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('mode', models.CharField(choices=[('pull', 'Agents take the next'), ('push', 'Contacts are offered')], default='pull', max_length=4)),
                        ('auto_accept', models.BooleanField(default=False, help_text='What is offered is taken at once.')),
                        ('accept_within', models.PositiveSmallIntegerField(default=30, help_text='Seconds an offer stands.', validators=[django.core.validators.MinValueValidator(5)])),
                        ('team', models.OneToOneField(blank=True, help_text='Empty: contacts that no team has.', null=True, on_delete=django.db.models.deletion.CASCADE, related_name='routing', to='cases.team')),
                    ],
                    options={
                        'ordering': ['team'],
                        'constraints': [models.UniqueConstraint(fields=('team',), name='one_way_of_routing_per_team', nulls_distinct=False)],
                    },
                ),
                migrations.CreateModel(
                    name='AgentCapacity',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('channel', models.CharField(blank=True, choices=[('phone', 'Phone'), ('portal', 'Portal'), ('chat', 'Chat'), ('email', 'E-mail'), ('sms', 'Text message')], help_text='Empty: in all.', max_length=8)),
                        ('units', models.DecimalField(decimal_places=2, max_digits=6, validators=[django.core.validators.MinValueValidator(Decimal('0'))])),
                        ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='capacities', to=settings.AUTH_USER_MODEL)),
                    ],
                    options={
                        'verbose_name_plural': 'agent capacities',
                        'ordering': ['user', 'channel'],
                        'constraints': [models.UniqueConstraint(fields=('user', 'channel'), name='one_capacity_per_agent_and_channel')],
                    },
                ),
            ],
        ),
    ]
