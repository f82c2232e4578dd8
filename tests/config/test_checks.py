"""A mistake in a setting is named; production refuses what only the demo may have (R-SEC-1)."""

import base64
import os
import subprocess
import sys

import pytest
from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured

from config import checks, env, place_checks
from tests.engines import ROOT

GOOD_KEY = "k1:" + base64.b64encode(bytes(range(32))).decode()
VARIED = "0123456789abcdef" * 4
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
    "SECRET_KEY": VARIED,
    "MASTER_KEYS": GOOD_KEY,
    "METRICS_TOKEN": VARIED[:40],
    "SMS_TOKEN": "s" * 40,
    "SMS_URL": "https://sms.example/messages",
    "VOICE_URL": "https://voice.example",
    "VOICE_ACCOUNT": "AC0",
    "VOICE_TOKEN": "v" * 40,
    "MAIL_WEBHOOK_SECRET": VARIED[:40],
    "SMS_WEBHOOK_SECRET": VARIED[:40],
    "REPLY_ADDRESS": "reply@example.org",
    "EMAIL_HOST": "smtp.example",
    "EMAIL_USE_TLS": True,
    "DEFAULT_FROM_EMAIL": "portal@example.org",
    "CLAMD_URL": "unix:///run/clamav/clamd.ctl",
    "PUBLIC_URL": "https://portal.example.org",
    "ALLOWED_HOSTS": ["portal.example.org"],
    "SECURE_HSTS_SECONDS": 31536000,
    "SECURE_SSL_REDIRECT": True,
    "SESSION_COOKIE_SECURE": True,
    "CSRF_COOKIE_SECURE": True,
    "DATABASE_OWNER_URL": "postgresql://app@db/dme?sslmode=verify-full",
    "DATABASE_URL": "postgresql://app@db/dme?sslmode=verify-full",
}


@pytest.fixture
def production(settings):
    for name, value in PRODUCTION.items():
        setattr(settings, name, value)
    return settings


def named() -> set[str]:
    found = [
        *checks.check_addresses(),
        *checks.check_scanner(),
        *checks.check_time_zone(),
        *checks.check_embedders(),
        *checks.check_keys(),
        *checks.check_numbers(),
        *checks.check_times(),
        *checks.check_production(),
        *place_checks.check_hosts(),
        *place_checks.check_mail(),
        *place_checks.check_carriers(),
        *place_checks.check_bucket(),
        *place_checks.check_places(),
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
        ("SECRET_KEY", "a" * 60),
        ("MASTER_KEYS", "demo1:ZGVtby1vbmx5LWtleS10aGF0LXByb2QtcmVmdXNlczE="),
        ("MASTER_KEYS", "new:ZGVtby1vbmx5LWtleS10aGF0LXByb2QtcmVmdXNlczE="),
        ("MASTER_KEYS", ""),
        ("MASTER_KEYS", "k1:dG9vIHNob3J0"),
        ("MASTER_KEYS", "k1:no base64!"),
        ("MASTER_KEYS", f"{GOOD_KEY},{GOOD_KEY}"),
        ("MASTER_KEYS", f"{GOOD_KEY},k2:{base64.b64encode(bytes(32)).decode()}"),
        ("METRICS_TOKEN", "demo-metrics-token"),
        ("METRICS_TOKEN", "x"),
        ("METRICS_TOKEN", "x" * 40),
        ("SMS_TOKEN", "demo-sms-token"),
        ("VOICE_TOKEN", "demo-voice-token"),
        ("MAIL_WEBHOOK_SECRET", "demo-mail-webhook-secret"),
        ("MAIL_WEBHOOK_SECRET", "x"),
        ("SMS_WEBHOOK_SECRET", "demo-sms-webhook-secret"),
        ("SMS_WEBHOOK_SECRET", "x"),
        ("REPLY_ADDRESS", "Our portal <reply@example.org>"),
        ("REPLY_ADDRESS", "reply"),
        ("VOICE_TOKEN", ""),
        ("VOICE_ACCOUNT", ""),
        ("VOICE_URL", "http://voice.example"),
        ("VOICE_URL", "voice.example"),
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
        ("CLAMD_URL", "garbage"),
        ("CLAMD_URL", "tcp://"),
        ("CLAMD_URL", "tcp://scanner:99999999"),
        ("CLAMD_URL", "unix://clamd"),
        ("CLAMD_URL", "http://scanner"),
        ("CLAMD_URL", "tcp://[scanner"),
        ("SUPPLIER_TIME_ZONE", "Mars/Olympus"),
        ("SUPPLIER_TIME_ZONE", "America"),
        ("SUPPLIER_TIME_ZONE", "../etc/passwd"),
        ("SUPPLIER_TIME_ZONE", ""),
        ("CHAT_EMBED_ORIGINS", ["*"]),
        ("CHAT_EMBED_ORIGINS", ["https://*.example.org"]),
        ("CHAT_EMBED_ORIGINS", ["https://shop.example.org", "shop.example.org"]),
        ("CHAT_EMBED_ORIGINS", ["https://shop.example.org/page"]),
        ("CHAT_EMBED_ORIGINS", ["https://shop.example.org; script-src"]),
        ("CHAT_EMBED_ORIGINS", ["https://shop.example.org:99999999"]),
        ("CHAT_EMBED_ORIGINS", ["http://shop.example.org"]),
        ("EMAIL_PORT", 99999999),
        ("EMAIL_PORT", 0),
        ("PORT", -1),
        ("UPLOADS_PER_DAY", -4),
        ("UPLOADS_PER_DAY", 0),
        ("UPLOAD_BYTES_PER_DAY", -1),
        ("CHAT_MESSAGES_PER_10_S", 0),
        ("CHAT_STARTS_PER_MINUTE", -1),
        ("LATEST_HEARTBEAT_SECONDS", 5),
        ("SECURE_HSTS_SECONDS", 10**12),
        ("IDLE_SECONDS", 0),
        ("IDLE_SECONDS", 30),
        ("STEP_UP_SECONDS", 0),
        ("PUBLIC_URL", "https://["),
        ("SMS_URL", "https://["),
        ("VOICE_URL", "https://voice.example:x"),
        ("ALLOWED_HOSTS", ["https://example.com"]),
        ("ALLOWED_HOSTS", ["portal.example.org", "a b"]),
        ("CSRF_TRUSTED_ORIGINS", ["https://shop.example.org/page"]),
        ("MASTER_KEYS", "k1:\N{SNOWMAN}"),
        ("EMAIL_HOST", "https://smtp.example"),
        ("DEFAULT_FROM_EMAIL", "portal"),
        ("TRAIL_ANCHOR", "/dev/null/anchor"),
        ("TRAIL_ANCHOR", "/"),
        ("MEDIA_ROOT", "/dev/null/files"),
        ("S3_BUCKET", "s3://bucket/folder"),
        ("REDIS_URL", "redis://cache:6379/0"),
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


@pytest.mark.parametrize("host", ["db", "10.0.0.7", "db/dme?sslmode=prefer#"])
def test_no_line_to_another_machine_is_open(production, host):
    production.DATABASE_URL = production.DATABASE_OWNER_URL = f"postgresql://app@{host}/dme"
    assert named() == {"DATABASE_URL", "DATABASE_OWNER_URL"}


@pytest.mark.parametrize(
    "address",
    [
        "/dme?hostaddr=10.0.0.5",
        "localhost/dme?hostaddr=10.0.0.5",
        "/dme?service=records",
        "/dme?host=/run/dme,db.example.org",
        "localhost,db/dme",
    ],
)
def test_what_the_client_library_would_follow_elsewhere_counts(production, address):
    production.DATABASE_URL = production.DATABASE_OWNER_URL = f"postgresql://app@{address}"
    assert named() == {"DATABASE_URL", "DATABASE_OWNER_URL"}


@pytest.mark.parametrize(
    ("endpoint", "refused"),
    [
        ("http://s3.example.org", {"S3_URL"}),
        ("https://s3.example.org", set()),
        ("http://127.0.0.1:9000", set()),
        (None, set()),
    ],
)
def test_a_bucket_elsewhere_is_reached_over_tls(production, endpoint, refused):
    production.S3_OPTIONS = {**production.S3_OPTIONS, "endpoint_url": endpoint}
    assert named() == refused


@pytest.mark.parametrize(
    ("url", "warned"),
    [
        ("tcp://scanner:3310", {"config.W038"}),
        ("tcp://localhost:3310", set()),
        ("unix:///run/clamd.ctl", set()),
    ],
)
def test_a_scanner_elsewhere_is_a_warning(production, url, warned):
    """Clamd knows no TLS: files go to it in clear."""
    production.CLAMD_URL = url
    assert {message.id for message in checks.check_production()} == warned
    checks.refuse_unfit()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "/dme?host=/run/dme#"])
def test_lines_within_the_machine_may_be_open(production, host):
    production.DATABASE_URL = production.DATABASE_OWNER_URL = f"postgresql://app@{host}/dme"
    assert named() == set()


def test_owners_address_in_a_serving_process_is_a_warning(production):
    production.DATABASE_OWNER_URL = "postgresql://owner@db/dme?sslmode=require"
    assert named() == {"DATABASE_OWNER_URL"}
    checks.refuse_unfit()


def test_where_mail_comes_back_unsigned_production_is_warned(production):
    """It starts: a supplier may write to nobody outside. What comes is refused all the same."""
    production.MAIL_WEBHOOK_SECRET = ""
    assert named() == {"MAIL_WEBHOOK_SECRET"}
    checks.refuse_unfit()


@pytest.mark.django_db(databases=["default", "owner"])
def test_role_that_may_rewrite_the_trail_is_refused(production):
    assert checks.check_roles(databases=["default"]) == []
    (found,) = checks.check_roles(databases=["owner"])
    assert found.msg.startswith("DATABASE_URL: its role may rewrite the access trail")


@pytest.mark.parametrize("setting", ["UPLOADS_PER_DAY", "CLAMD_URL", "SUPPLIER_TIME_ZONE"])
def test_mistakes_are_named_outside_of_production_too(settings, setting):
    setattr(settings, setting, -4 if setting == "UPLOADS_PER_DAY" else "garbage")
    assert named() == {setting}


def test_endpoint_and_carrier_that_are_no_addresses_are_named(settings):
    settings.S3_OPTIONS = settings.S3_OPTIONS | {"endpoint_url": "garbage"}
    settings.CARRIER_TRACKING_URLS = settings.CARRIER_TRACKING_URLS | {"ups": "https://ups.example/"}
    assert named() == {"S3_URL", "CARRIER_UPS_TRACKING_URL"}


@pytest.mark.parametrize("hosts", [[".example.org", "127.0.0.1", "[::1]", "Portal.example.org"]])
def test_hosts_of_every_kind_are_taken(settings, hosts):
    settings.ALLOWED_HOSTS = hosts
    settings.CSRF_TRUSTED_ORIGINS = ["https://*.example.org", "https://other.example:8443"]
    settings.DEFAULT_FROM_EMAIL = "Our portal <portal@example.org>"
    assert named() == set()


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("PUBLIC_URL", "https://["),
        ("SMS_URL", "https://["),
        ("S3_URL", "https://[::"),
        ("S3_ADDRESSING", "nonsense"),
        ("REDIS_URL", "redis://h:port"),
        ("DATABASE_URL", "postgresql://db/n?pool=\N{SUPERSCRIPT TWO}"),
    ],
)
def test_a_setting_that_stops_every_command_is_named_without_a_traceback(setting, value):
    code, said = start(["manage.py", "check"], DME_PROFILE="test", **{setting: value})
    assert code
    assert said.startswith(f"{setting}: ")
    assert "Traceback" not in said


# --- the real start of a process ------------------------------------------------------------------------

WEB = ["-c", "import config.asgi"]
WORKER = ["-m", "celery", "-A", "config.celery", "worker", "--pool", "solo"]
# Beat removes a schedule that it can't read: as root that would be the device itself.
PLAN = f"{os.environ['DME_VAR']}/beat"
BEAT = ["-m", "celery", "-A", "config.celery", "beat", "--schedule", PLAN, "--pidfile", ""]
SERVING = pytest.mark.parametrize("process", [WEB, WORKER, BEAT], ids=["web", "worker", "beat"])
SOUND = {
    "DME_PROFILE": "production",
    "SECRET_KEY": VARIED,
    "MASTER_KEYS": GOOD_KEY,
    "METRICS_TOKEN": VARIED[:40],
    "SMS_TOKEN": VARIED,
    "SMS_URL": "https://sms.example/messages",
    "EMAIL_HOST": "smtp.example",
    "DEFAULT_FROM_EMAIL": "portal@example.org",
    "CLAMD_URL": "unix:///run/clamav/clamd.ctl",
    "PUBLIC_URL": "https://portal.example.org",
    "ALLOWED_HOSTS": "portal.example.org",
}


def start(process, **changed):
    """A process with the settings of a sound production but for what is changed; its exit code and words."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST")}
    environment |= SOUND | {"DATABASE_URL": django_settings.DATABASE_URL} | changed
    command = [sys.executable, *process]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    return done.returncode, done.stderr


def test_sound_production_starts():
    assert start(WEB)[0] == 0


@SERVING
def test_server_with_the_secrets_of_the_demo_does_not_start_in_production(process):
    """The servers never run Django's checks: this is the real start of one."""
    changed = {"SECRET_KEY": "demo-only-secret-that-production-refuses", "PUBLIC_URL": "http://here"}
    code, said = start(process, **changed)
    assert code
    assert "SECRET_KEY: is a secret of the demo" in said
    assert "PUBLIC_URL: begins with https://" in said


def test_unknown_profile_starts_nothing():
    """A misspelt production must not become a demo, whose secrets everybody knows."""
    code, said = start(WEB, DME_PROFILE="Production")
    assert code
    assert "DME_PROFILE: is one of demo, test, production, not 'Production'." in said


@pytest.mark.parametrize("profile", ["Production", "prod", "staging", "", "DEMO", " demo"])
def test_profile_is_one_of_three_letter_for_letter(monkeypatch, profile):
    monkeypatch.setenv("DME_PROFILE", profile)
    with pytest.raises(env.SettingError, match=r"^DME_PROFILE: is one of demo, test, production"):
        env.profile()


@SERVING
def test_process_with_the_owners_role_does_not_serve(process):
    code, said = start(process, DATABASE_URL=django_settings.DATABASE_OWNER_URL)
    assert code
    assert "DATABASE_URL: its role may rewrite the access trail" in said


@pytest.mark.parametrize("profile", ["demo", "test", "production"])
def test_nothing_serves_as_the_owner(settings, profile):
    settings.PRODUCTION = profile == "production"
    settings.AS_OWNER = True
    with pytest.raises(ImproperlyConfigured, match=r"^DME_AS_OWNER: is for migrations"):
        checks.refuse_unfit()


def test_database_that_is_down_at_the_start_is_told_and_waited_for():
    """Its role is asked for again by /readyz."""
    code, said = start(WEB, DATABASE_URL="postgresql://app@127.0.0.1:1/dme")
    assert code == 0
    assert "its role is not proven" in said


@pytest.mark.django_db(databases=["default", "owner"])
def test_readiness_tells_a_role_that_may_rewrite_the_trail(production, client, monkeypatch):
    production.SECURE_SSL_REDIRECT = False
    production.ALLOWED_HOSTS = ["testserver"]
    assert client.get("/readyz").json()["parts"]["role"] == "ok"
    monkeypatch.setattr(checks, "SERVING", "owner")
    assert "may rewrite the access trail" in client.get("/readyz").json()["parts"]["role"]


@pytest.mark.parametrize(
    ("setting", "value", "wish"),
    [
        ("LOG_LEVEL", "LOUD", "is one of"),
        ("LEGACY_FERNET_KEYS", "notakey", "32 bytes"),
    ],
)
def test_command_ends_with_one_sentence_about_a_setting_that_cannot_be_read(setting, value, wish):
    code, said = start(["manage.py", "check"], **{setting: value})
    assert code
    (sentence,) = said.splitlines()
    assert sentence.startswith(f"{setting}: ")
    assert wish in sentence


def test_production_names_its_cookies_for_one_host_alone():
    """ASVS 3.3.1: __Host- cookies are secure and bound to the host."""
    show = "from django.conf import settings as s; print(s.SESSION_COOKIE_NAME, s.CSRF_COOKIE_NAME)"
    environment = os.environ | {"DME_PROFILE": "production", "SECRET_KEY": "x" * 50}
    done = subprocess.run(
        [sys.executable, "-c", show], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["__Host-session", "__Host-csrf"]
