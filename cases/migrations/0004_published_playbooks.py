"""What a published playbook says never changes again, whoever writes: runs that began with it rest on it."""

from django.db import migrations

GUARD = """
CREATE FUNCTION cases_published_playbook() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE'
     AND (NEW.playbook_id, NEW.number, NEW.content, NEW.published_at, NEW.effective_from)
         IS NOT DISTINCT FROM (OLD.playbook_id, OLD.number, OLD.content, OLD.published_at, OLD.effective_from)
     AND (NEW.state = OLD.state OR NEW.state = 'withdrawn') THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'A published playbook stays as it is: % is refused.', TG_OP USING ERRCODE = 'check_violation';
END $$;

CREATE TRIGGER published_playbook BEFORE UPDATE OR DELETE ON cases_playbookversion
  FOR EACH ROW WHEN (OLD.state IN ('published', 'withdrawn')) EXECUTE FUNCTION cases_published_playbook();
"""
DROP = """
DROP TRIGGER published_playbook ON cases_playbookversion;
DROP FUNCTION cases_published_playbook();
"""


class Migration(migrations.Migration):
    dependencies = [("cases", "0003_case_numbers")]

    operations = [migrations.RunSQL(GUARD, DROP)]
