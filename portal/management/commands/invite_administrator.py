"""The first administrator of an installation: ``manage.py invite_administrator ada@example.org``.

Nobody has an account before, and none has a password that was set for them: the link goes out by mail, or
stands here where ``--print`` is given.
"""

from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal import account_mail, invitations
from portal.access import System


class Command(BaseCommand):
    help = "Invite an administrator by e-mail."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email")
        parser.add_argument("--print", action="store_true", help="show the link here")

    def handle(self, *args: Any, **options: Any) -> None:
        actor = System("invite_administrator")
        try:
            invited = invitations.invite_staff(actor, email=options["email"], roles=["administrator"])
        except ValidationError as refusal:
            raise CommandError(" ".join(refusal.messages)) from None
        if options["print"]:
            self.stdout.write(account_mail.link_of(invited))
        else:
            self.stdout.write("The invitation is on its way. It works once, for 3 days.")
