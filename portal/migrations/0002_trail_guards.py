"""The access trail is only added to, and every new entry waits in the queue for its seal. What entries refer
to stays: users are deactivated and never deleted, nor are reasons and content types.

The guard refuses UPDATE, DELETE and TRUNCATE to everybody but the tables' owner in a session that says
``SET dme.trail_guard = 'lifted'``. The application's role has no right to them in the first place. The queue
is filled by its trigger alone: the application takes entries out, and puts none in.
"""

from typing import Any

from django.conf import settings
from django.db import migrations

from config import env

GUARDED = ("portal_accessentry", "portal_trailseal")
KEPT = ("portal_user", "portal_accessreason", "django_content_type")

FUNCTIONS = """
CREATE FUNCTION trail_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF current_setting('dme.trail_guard', true) = 'lifted'
     AND pg_has_role(session_user, (SELECT relowner FROM pg_class WHERE oid = TG_RELID), 'USAGE') THEN
    RETURN NULL;
  END IF;
  RAISE EXCEPTION 'The access trail must stay as it is: % on % is refused.', TG_OP, TG_TABLE_NAME
    USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE FUNCTION trail_queue() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  INSERT INTO public.portal_trailqueue (entry_id) SELECT id FROM added;
  RETURN NULL;
END $$;

REVOKE EXECUTE ON FUNCTION trail_queue() FROM PUBLIC;

CREATE TRIGGER trail_queue AFTER INSERT ON portal_accessentry
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION trail_queue();

CREATE INDEX trail_seal_by_span ON portal_trailseal
  USING gist (int8range(entry_ids[1], entry_ids[cardinality(entry_ids)], '[]'));
"""
GUARD = """
CREATE TRIGGER trail_guard BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
  FOR EACH STATEMENT EXECUTE FUNCTION trail_guard();
"""
KEEP = """
CREATE TRIGGER trail_guard BEFORE DELETE OR TRUNCATE ON {table}
  FOR EACH STATEMENT EXECUTE FUNCTION trail_guard();
"""
DROP = """
DROP TRIGGER trail_queue ON portal_accessentry;
DROP FUNCTION trail_guard() CASCADE;
DROP FUNCTION trail_queue();
DROP INDEX trail_seal_by_span;
"""
REVOKE = "REVOKE {rights} ON {table} FROM {role}"
REVOKED = dict.fromkeys(GUARDED, "UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER") | {
    "portal_trailqueue": "INSERT, UPDATE, TRUNCATE, REFERENCES, TRIGGER"
}


def revoke(apps: Any, schema_editor: Any) -> None:
    """Take the rights to change the trail from the application's role, where it is not the owner's."""
    quote = schema_editor.connection.ops.quote_name
    role, owner = (env.database(url)["USER"] for url in (settings.DATABASE_URL, settings.DATABASE_OWNER_URL))
    if role and role != owner:
        for table, rights in REVOKED.items():
            schema_editor.execute(REVOKE.format(rights=rights, table=table, role=quote(role)))


class Migration(migrations.Migration):
    dependencies = [("portal", "0001_initial")]

    operations = [
        migrations.RunSQL(FUNCTIONS, DROP),
        migrations.RunSQL([GUARD.format(table=table) for table in GUARDED], []),
        migrations.RunSQL([KEEP.format(table=table) for table in KEPT], []),
        migrations.RunPython(revoke, migrations.RunPython.noop),
    ]
