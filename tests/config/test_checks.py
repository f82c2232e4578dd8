"""A mistake in a setting is named; production refuses what only the demo may have (R-SEC-1)."""

import base64
import os
import subprocess
import sys

import pytest
from django.core.exceptions import ImproperlyConfigured

from config import checks
from tests.engines import ROOT

GOOD_KEY = "k1:" + base64.b64encode(bytes(range(32))).decode()
PRODUCTION = {
    "PROFILE": "production",
    "PRODUCTION": True,
    "DEMO": False,
    "TEST": False,
    "DEBUG": False,
    "SANDBOX": False,
    "UPLOADS_ACCEPT_UNSCANNED": False,
    "AS_OWNER": False,
    "EMBEDDED": [],
    "SECRET_KEY": "q" * 60,
    "MASTER_KEYS": GOOD_KEY,
    "METRICS_TOKEN": "t" * 40,
    "SMS_TOKEN": "s" * 40,
    "SMS_URL": "https://sms.example/messages",
    "EMAIL_HOST": "smtp.example",
    "EMAIL_USE_TLS": True,
    "DEFAULT_FROM_EMAIL": "portal@example.org",
    "CLAMD_URL": "tcp://scanner:3310",
    "PUBLIC_URL": "https://portal.example.org",
    "ALLOWED_HOSTS": ["portal.example.org"],
    "SECURE_HSTS_SECONDS": 31536000,
    "SECURE_SSL_REDIRECT": True,
    "SESSION_COOKIE_SECURE": True,
    "CSRF_COOKIE_SECURE": True,
    "DATABASE_OWNER_URL": "postgresql://app@db/dme",
    "DATABASE_URL": "postgresql://app@db/dme",
}


@pytest.fixture
def production(settings):
    for name, value in PRODUCTION.items():
        setattr(settings, name, value)
    return settings


def named() -> set[str]:
    found = [
        *checks.check_profile(),
        *checks.check_addresses(),
        *checks.check_keys(),
        *checks.check_times(),
        *checks.check_production(),
    ]
    return {message.msg.partition(":")[0] for message in found}


def test_demo_and_test_settings_are_sound():
    assert named() == set()


def test_sound_production_is_let_through(production):
    assert named() == set()
    checks.refuse_unfit()


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("SECRET_KEY", "demo-only-secret-that-production-refuses"),
        ("SECRET_KEY", "short"),
        ("MASTER_KEYS", "demo1:ZGVtby1vbmx5LWtleS10aGF0LXByb2QtcmVmdXNlczE="),
        ("MASTER_KEYS", "new:ZGVtby1vbmx5LWtleS10aGF0LXByb2QtcmVmdXNlczE="),
        ("MASTER_KEYS", ""),
        ("MASTER_KEYS", "k1:dG9vIHNob3J0"),
        ("MASTER_KEYS", "k1:no base64!"),
        ("MASTER_KEYS", f"{GOOD_KEY},{GOOD_KEY}"),
        ("METRICS_TOKEN", "demo-metrics-token"),
        ("SMS_TOKEN", "demo-sms-token"),
        ("DEBUG", True),
        ("SANDBOX", True),
        ("UPLOADS_ACCEPT_UNSCANNED", True),
        ("PUBLIC_URL", "http://portal.example.org"),
        ("PUBLIC_URL", "portal"),
        ("PUBLIC_URL", "https://portal.example.org/"),
        ("SECURE_HSTS_SECONDS", 60),
        ("SECURE_SSL_REDIRECT", False),
        ("SESSION_COOKIE_SECURE", False),
        ("CSRF_COOKIE_SECURE", False),
        ("SMS_URL", "http://sms.example"),
        ("SMS_URL", "sms.example"),
        ("SMS_URL", ""),
        ("EMAIL_HOST", ""),
        ("EMAIL_USE_TLS", False),
        ("ALLOWED_HOSTS", []),
        ("ALLOWED_HOSTS", ["*"]),
        ("EMBEDDED", ["DATABASE_URL"]),
        ("EMBEDDED", ["REDIS_URL"]),
        ("CLAMD_URL", ""),
        ("IDLE_SECONDS", 30),
        ("STEP_UP_SECONDS", 0),
    ],
)
def test_production_refuses(production, setting, value):
    setattr(production, setting, value)
    name = {"DEBUG": "DJANGO_DEBUG", "SECURE_HSTS_SECONDS": "HSTS_SECONDS", "EMBEDDED": value}.get(
        setting, setting
    )
    assert named() == set(name if isinstance(name, list) else [name])
    with pytest.raises(ImproperlyConfigured):
        checks.refuse_unfit()


def test_owners_address_in_a_serving_process_is_a_warning(production):
    production.DATABASE_OWNER_URL = "postgresql://owner@db/dme"
    assert named() == {"DATABASE_OWNER_URL"}
    checks.refuse_unfit()


@pytest.mark.django_db(databases=["default", "owner"])
def test_role_that_may_rewrite_the_trail_is_refused(production):
    assert checks.check_roles(databases=["default"]) == []
    (found,) = checks.check_roles(databases=["owner"])
    assert found.msg.startswith("DATABASE_URL: its role may rewrite the access trail")


def test_unknown_profile_is_named(settings):
    settings.PROFILE = "staging"
    assert named() == {"DME_PROFILE"}


def test_server_with_the_secrets_of_the_demo_does_not_start_in_production():
    """The servers never run Django's checks: this is the real start of one."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST")} | {
        "DME_PROFILE": "production",
        "SECRET_KEY": "demo-only-secret-that-production-refuses",
    }
    start = [sys.executable, "-c", "import config.asgi"]
    done = subprocess.run(start, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode
    assert "SECRET_KEY: is a secret of the demo" in done.stderr
    assert "PUBLIC_URL: begins with https://" in done.stderr


def test_production_names_its_cookies_for_one_host_alone():
    """ASVS 3.3.1: __Host- cookies are secure and bound to the host."""
    show = "from django.conf import settings as s; print(s.SESSION_COOKIE_NAME, s.CSRF_COOKIE_NAME)"
    environment = os.environ | {"DME_PROFILE": "production", "SECRET_KEY": "x" * 50}
    done = subprocess.run(
        [sys.executable, "-c", show], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["__Host-session", "__Host-csrf"]
