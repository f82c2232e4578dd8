"""Signing in: by e-mail and password within a realm. The answer never tells whether an account exists."""

from typing import Any

from django.contrib.auth.backends import BaseBackend
from django.contrib.auth.hashers import make_password
from django.http import HttpRequest

from config.security import crypto, normal
from portal import passwords
from portal.models import User


class RealmBackend(BaseBackend):
    """Checks an e-mail address and a password within one realm."""

    def authenticate(
        self,
        request: HttpRequest | None,
        *,
        realm: str | None = None,
        email: str | None = None,
        password: str | None = None,
        **_: Any,
    ) -> User | None:
        if realm is None or email is None or password is None:
            return None
        user = User.objects.by_email(email, realm)
        if user is None or not user.is_active or not user.has_usable_password():
            make_password(passwords.normal(password))  # costs what checking would
            return None
        return user if user.check_password(passwords.normal(password)) else None

    def get_user(self, user_id: int) -> User | None:
        return User.objects.filter(pk=user_id, is_active=True).first()


def recorded_name(request: HttpRequest | None, credentials: dict[str, Any] | None) -> str:
    """What django-axes files a try under: a digest, never an address."""
    known = credentials or {}
    if ref := known.get(User.USERNAME_FIELD):
        return str(ref)
    return crypto.mac("throttle", f"{known.get('realm')}|{normal.email(known.get('email') or '')}".encode()).hex()
