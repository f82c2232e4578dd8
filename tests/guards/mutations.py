"""Takes one protection away at a time and asks the tests whether they notice: ``make mutations``.

Each is taken out of a scratch copy of the last commit, never of this tree, and only the tests that ought to
notice are run. What is missed is a test to be written; the program then ends with 1.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MOST_SECONDS = 240
CAUGHT = 1  # pytest: some tests failed; anything else is no verdict


@dataclass(frozen=True)
class Mutation:
    """``old`` stands once in ``path``. ``tests`` are pytest's own arguments."""

    name: str
    path: str
    old: str
    new: str
    tests: str


MUTATIONS = [
    Mutation(
        "ownership of a patient's rows",
        "portal/models/orders.py",
        'return self.filter(**{f"{self.patient_path}__in": self._patients_of(user)})',
        "return self",
        "tests/portal/test_rows.py -k strangers",
    ),
    Mutation(
        "ownership of documents",
        "portal/models/documents.py",
        "return self.filter(Q(patient__user=user) | self._cared_for(user))",
        "return self",
        "tests/portal/test_documents.py -k theirs_their_caregivers",
    ),
    Mutation(
        "second factor at a page",
        "portal/doors.py",
        "if door.factor and (step := _factor_step(user, session)):",
        'if (step := "") and door.factor:',
        "tests/portal/test_factors.py -k reach_nothing",
    ),
    Mutation(
        "second factor at a socket",
        "portal/doors.py",
        "if door.factor and _factor_step(user, session):",
        "if door.factor and False:",
        "tests/guards/test_doors.py -k sockets_before",
    ),
    Mutation(
        "permission at a door",
        "portal/doors.py",
        "if door.permission and not allowed(user, door.permission):\n        audit.event",
        "if door.permission and False:\n        audit.event",
        "tests/guards/test_doors.py -k admin_opens",
    ),
    Mutation(
        "closed where no door opens",
        "portal/doors.py",
        'door = getattr(view, "door", CLOSED)',
        'door = getattr(view, "door", None)\n    return door',
        "tests/guards/test_doors.py -k without_a_door",
    ),
    Mutation(
        "CSRF on forms",
        "config/settings.py",
        '    "django.middleware.csrf.CsrfViewMiddleware",\n',
        "",
        "tests/guards/test_doors.py -k posts_want_a_token",
    ),
    Mutation(
        "origin of a chat request",
        "cases/views/chat.py",
        "            _require_origin(request)\n",
        "",
        "tests/cases/test_chat_http.py -k only_our_pages",
    ),
    Mutation(
        "idempotency key of a message",
        "cases/ledger.py",
        "if (known := self.known.get(whose)) is not None:",
        "if (known := self.known.get(whose)) is not None and False:",
        "tests/cases/test_conversations.py -k same_ack",
    ),
    Mutation(
        "conflict of an idempotency key",
        "cases/ledger.py",
        "return known[0] if same_body(sealed.draft, known[1]) else _conflict()",
        "return known[0]",
        "tests/cases/test_conversations.py -k conflict",
    ),
    Mutation(
        "prev chain of a sender",
        "cases/ledger.py",
        "if (before := sealed.follows) and before not in",
        "if (before := sealed.follows) and False and before not in",
        "tests/cases/test_conversations.py -k follows",
    ),
    Mutation(
        "lock of a conversation",
        "cases/ledger.py",
        "WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE",
        "WHERE id = ANY(%s) ORDER BY id",
        "tests/cases/test_locks.py -k numbered",
    ),
    Mutation(
        "lock of an agent's capacity",
        "agents/presence.py",
        "AgentPresence.objects.select_for_update().filter(user=actor)",
        "AgentPresence.objects.filter(user=actor)",
        "tests/cases/test_locks.py -k full",
    ),
    Mutation(
        "trail of an opened document",
        "portal/documents.py",
        "        audit.read(whose, what, objects=[document])\n",
        "        assert whose is not None\n",
        "tests/portal/test_documents.py -k trail",
    ),
    Mutation(
        "trail of an opened case",
        "agents/workspace.py",
        'audit.read(\n            [case.patient_id] if case.patient_id else [], what, objects=[case], fields=("name", "messages")\n        )',  # noqa: E501
        "pass",
        "tests/agents/test_workspace.py -k trail",
    ),
    Mutation(
        "trail of a written message",
        "cases/ledger.py",
        "        audit.created(Message, [_trail_row(entry) for entry in self.entries])\n",
        "",
        "tests/cases/test_conversations.py -k trail",
    ),
    Mutation(
        "no-store on answers",
        "config/security/csp.py",
        "patch_cache_control(response, private=True, no_store=True)",
        "patch_cache_control(response, private=True)",
        "tests/config/test_csp.py",
    ),
    Mutation(
        "escape in a template",
        "templates/cases/messages/thread.html",
        "{{ conversation.subject|default",
        "{{ conversation.subject|safe|default",
        "tests/guards/test_templates.py -k template_is_clean",
    ),
    Mutation(
        "escape in a tag",
        "config/templatetags/look.py",
        """format_html('<span class="chip {}">{}{}</span>', tone, drawn, text)""",
        """SafeString(f'<span class="chip {tone}">{drawn}{text}</span>')""",
        "tests/config/test_look.py",
    ),
    Mutation(
        "jitter of reconnects",
        "static/js/chat-conversation.js",
        "return least + this.random() * ceiling;",
        "return least + ceiling;",
        "tests/guards/test_browser_modules.py -k chat_core",
    ),
    Mutation(
        "breaker of a partner",
        "config/integrations/http.py",
        "breaker(partner.name).call(_send, partner, method, url, headers, body)",
        "_send(partner, method, url, headers, body)",
        "tests/config/test_integrations.py -k breaker",
    ),
    Mutation(
        "breaker of mail",
        "config/integrations/mail.py",
        "breaker(PARTNER).call(_deliver, message)",
        "breaker(PARTNER) and _deliver(message)",
        "tests/config/test_mail.py",
    ),
    Mutation(
        "end of an invitation's time",
        "portal/invitations.py",
        "usable = Invitation.objects.filter(used_at=None, expires_at__gt=timezone.now(), tries__lt=MOST_TRIES)",
        "usable = Invitation.objects.filter(used_at=None, tries__lt=MOST_TRIES)",
        "tests/portal/test_invitations.py -k runs_out",
    ),
    Mutation(
        "end of a reset link's time",
        "portal/one_time.py",
        "in_time = _unspent(purpose).filter(expires_at__gt=timezone.now())",
        "in_time = _unspent(purpose)",
        "tests/portal/test_sign_in.py -k dies",
    ),
    Mutation(
        "redaction of a message",
        "cases/sealing.py",
        "redacted = redaction.redact(draft.body)",
        "redacted = redaction.Redacted(draft.body, redaction.Counter())",
        "tests/cases/test_conversations.py -k identifying",
    ),
    Mutation(
        "place of a sealed value (AAD)",
        "config/security/fields.py",
        'self.place = f"{cls._meta.db_table}.{self.column}".encode()',
        'self.place = b"anywhere"',
        "tests/config/test_fields.py -k moved",
    ),
    Mutation(
        "signature of a seal",
        "portal/seals.py",
        "return crypto.same(bytes(link.mac), crypto.mac(PURPOSE, bytes(link.hash), link.key_id))",
        "return True",
        "tests/portal/test_access_trail.py -k named",
    ),
    Mutation(
        "chain of the seals",
        "portal/seal_check.py",
        "if bytes(link.previous) != self.previous or not is_itself(link):",
        "if not is_itself(link):",
        "tests/portal/test_access_trail.py -k named",
    ),
    Mutation(
        "lists asked by their own filters alone",
        "portal/workshop.py",
        "if left.keys() & self.get_filters_params().keys():",
        "if False:",
        "tests/portal/test_lookups.py -k do_not_name",
    ),
    Mutation(
        "no account by the mailbox alone",
        "portal/sign_in.py",
        'user.has_usable_password() and not one_time.in_time("enrolment", user)',
        "True",
        "tests/portal/test_recovery.py -k reset_of_factors",
    ),
    Mutation(
        "end of the links asked in a session",
        "portal/sessions.py",
        "    one_time.void_links(user)\n",
        "",
        "tests/portal/test_recovery.py -k ends_with_the_session",
    ),
    Mutation(
        "logs without words put together",
        "config/logs.py",
        "elif not _stands_in_code(record):",
        "elif False:",
        "tests/config/test_logs.py -k put_together",
    ),
    Mutation(
        "permission to unmask in the workshop",
        "portal/workshop.py",
        '        require(request.user, "records.unmask")\n',
        "",
        "tests/portal/test_workshop.py -k unmask",
    ),
    Mutation(
        "permission to unmask in the console",
        "agents/context.py",
        '    require(actor, "patients.unmask", case)\n',
        "",
        "tests/agents/test_context.py -k unmasking",
    ),
    Mutation(
        "masking by the level of verification",
        "portal/levels.py",
        "return what in self.opened and self._in_scope(what)",
        "return True",
        "tests/agents/test_pretexts.py -k breach",
    ),
    Mutation(
        "agent a verification belongs to",
        "portal/levels.py",
        "purpose=purpose, agent_id=actor.pk or 0, passed=True",
        "purpose=purpose, passed=True",
        "tests/agents/test_pretexts.py -k handed_on",
    ),
    Mutation(
        "lock of verification",
        "portal/verification.py",
        "if until := locked_until(held):",
        "if (until := locked_until(held)) and False:",
        "tests/portal/test_verification.py -k lock_the_patient",
    ),
    Mutation(
        "purpose of an opened file",
        "portal/documents.py",
        '    levels.require_opened(actor, patient, purpose=purpose, what="documents")\n',
        "",
        "tests/portal/test_documents.py -k verified_case_alone",
    ),
    Mutation(
        "signature of a call",
        "config/integrations/telephony.py",
        "return bool(token) and hmac.compare_digest(",
        "return True or hmac.compare_digest(",
        "tests/cases/test_voice.py tests/config/test_telephony.py -k forged or altered",
    ),
    Mutation(
        "claim of a page",
        "cases/paging.py",
        'filter(pk=page_id, state__in=["due", "sending"], due_at__lte=now)',
        "filter(pk=page_id)",
        "tests/cases/test_paging.py -k doubled_run",
    ),
    Mutation(
        "lock of an escalation",
        "cases/escalation.py",
        "Escalation.objects.select_for_update(no_key=True).get(pk=escalation.pk)",
        "Escalation.objects.get(pk=escalation.pk)",
        "tests/cases/test_escalation.py -k two_at_once",
    ),
]


@contextmanager
def scratch() -> Iterator[Path]:
    """The last commit, in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="mutations-") as folder:
        tree = Path(folder) / "tree"
        _git("worktree", "add", "--detach", "--quiet", str(tree), "HEAD")
        try:
            yield tree
        finally:
            _git("worktree", "remove", "--force", str(tree))


def _git(*arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=ROOT, check=True)


def verdict(tree: Path, mutation: Mutation) -> str:
    """``caught``, ``MISSED``, or why there is no telling."""
    path = tree / mutation.path
    whole = path.read_text()
    if whole.count(mutation.old) != 1:
        return f"STALE: {whole.count(mutation.old)} places"
    path.write_text(whole.replace(mutation.old, mutation.new))
    try:
        return _asked(tree, mutation.tests)
    finally:
        path.write_text(whole)


def _asked(tree: Path, tests: str) -> str:
    files, _, words = tests.partition(" -k ")
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *files.split()]
    command += ["-k", words] if words else []
    shared = {
        "DME_TEST_VAR": str(ROOT / "var" / "test"),
        "PYTHONPATH": str(tree),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    try:
        done = subprocess.run(
            command, cwd=tree, env=os.environ | shared, capture_output=True, timeout=MOST_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return "NO VERDICT: too slow"
    if done.returncode == CAUGHT:
        return "caught"
    return "MISSED" if done.returncode == 0 else f"NO VERDICT: pytest ended with {done.returncode}"


def chosen(words: list[str]) -> list[Mutation]:
    return [it for it in MUTATIONS if not words or any(word in it.name for word in words)]


def main() -> None:
    missed = 0
    with scratch() as tree:
        for mutation in chosen(sys.argv[1:]):
            began = time.monotonic()
            said = verdict(tree, mutation)
            missed += said != "caught"
            print(f"{mutation.name:<40}{said:<14}{time.monotonic() - began:6.0f} s", flush=True)
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
