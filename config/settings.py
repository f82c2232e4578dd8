"""Settings. Everything that differs between installations comes from the environment (config/env.py).

``DME_PROFILE`` is ``demo``, ``test`` or ``production``. The demo and the tests run with secrets of their
own, which a production profile refuses (config/checks.py).
"""

from pathlib import Path
from urllib.parse import urlsplit

from config import env, logs, static
from config.embedded import addresses

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = Path(env.text("DME_VAR", str(BASE_DIR / "var")))

PROFILE = env.profile()
DEMO, TEST, PRODUCTION = PROFILE == "demo", PROFILE == "test", PROFILE == "production"
DEBUG = env.flag("DJANGO_DEBUG")

DEMO_SECRET = "demo-only-secret-that-production-refuses"  # noqa: S105
SECRET_KEY = env.secret("SECRET_KEY", "" if PRODUCTION else DEMO_SECRET)

# --- addresses -------------------------------------------------------------------------------------
PORT = env.number("PORT", 8000)
PUBLIC_URL = env.address("PUBLIC_URL", f"http://127.0.0.1:{PORT}")
ALLOWED_HOSTS = env.items("ALLOWED_HOSTS", "" if PRODUCTION else "127.0.0.1,localhost,[::1],testserver")
CSRF_TRUSTED_ORIGINS = env.items("CSRF_TRUSTED_ORIGINS")
SANDBOX_PORT = env.number("SANDBOX_PORT", PORT + 1)
SANDBOX_URL = f"http://127.0.0.1:{SANDBOX_PORT}"
# Origins of the sites whose pages may hold the chat widget; the demo's is a sandbox.
CHAT_EMBED_ORIGINS = env.items("CHAT_EMBED_ORIGINS", SANDBOX_URL if DEMO else "")
# Messages that one sender may send in 10 seconds, and chats begun from one address in a minute.
CHAT_MESSAGES_PER_10_S = env.number("CHAT_MESSAGES_PER_10_S", 20)
CHAT_STARTS_PER_MINUTE = env.number("CHAT_STARTS_PER_MINUTE", 300)
SANDBOX = env.flag("SANDBOX", not PRODUCTION)

# --- engines ---------------------------------------------------------------------------------------
# DATABASE_URL is the application's own role; migrations run as the owner (DATABASE_OWNER_URL).
DATABASE_URL, DATABASE_OWNER_URL, REDIS_URL = addresses(VAR_DIR)
# DME_AS_OWNER=1 makes the owner the default: for `migrate`, and for nothing that serves.
AS_OWNER = env.flag("DME_AS_OWNER")
DATABASES = {
    "default": env.database(DATABASE_OWNER_URL if AS_OWNER else DATABASE_URL),
    "owner": env.database(DATABASE_OWNER_URL, "DATABASE_OWNER_URL"),
}
# What has no address of its own, and is embedded: nothing, in production.
EMBEDDED = [name for name in ("DATABASE_URL", "REDIS_URL") if not env.secret(name)]
# Migrations take rights on the trails away from this role.
APP_ROLE = str(env.database(DATABASE_URL)["USER"])
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
CHANNEL_PREFIX = env.text("CHANNEL_PREFIX", "dme")
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        # redis-py 8 times out reads after 5 s, which equals the layer's blocking pop and drops idle sockets.
        "CONFIG": {"hosts": [{"address": REDIS_URL, "socket_timeout": 15}], "prefix": CHANNEL_PREFIX},
    }
}
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": CHANNEL_PREFIX,
    }
}

# --- background work -------------------------------------------------------------------------------
CELERY_BROKER_URL = REDIS_URL.replace("unix://", "redis+socket://", 1).replace("?db=", "?virtual_host=")
CELERY_BROKER_TRANSPORT_OPTIONS = {"global_keyprefix": f"{CHANNEL_PREFIX}:", "visibility_timeout": 3600}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# "celery" is Celery's own name for the queue of all that is not sent elsewhere
CELERY_TASK_QUEUES = {
    name: {"exchange": name, "routing_key": name} for name in ("celery", "partners", "files")
}
CELERY_TASK_ROUTES = ("config.celery.queue_of",)
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_TIME_LIMIT = 15 * 60
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULE_FILENAME = str(VAR_DIR / "beat")

# --- apps ------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "config.apps.ConfigConfig",
    "portal.apps.PortalConfig",
    "cases.apps.CasesConfig",
    "billing.apps.BillingConfig",
    "agents.apps.AgentsConfig",
    "config.apps.DeskAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "encrypted_model_fields",
    "auditlog",
    "django_otp",
    "django_otp_webauthn",
    "axes",
    "channels",
    "django_htmx",
    "csp",
    "rest_framework",
    "drf_spectacular",
]
MIDDLEWARE = [
    "config.security.middleware.RequestContext",
    "django.middleware.security.SecurityMiddleware",
    "config.security.csp.SecurityHeaders",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "config.security.middleware.HeadLikeGet",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "config.security.middleware.ClosedDoors",
    "axes.middleware.AxesMiddleware",
]
ROOT_URLCONF = "config.urls"
ASGI_APPLICATION = "config.asgi.application"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "config.context.site",
            ],
        },
    }
]

# --- language and time -----------------------------------------------------------------------------
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("es", "Español")]
LOCALE_PATHS = [BASE_DIR / "templates" / "locale"]
USE_TZ = True
TIME_ZONE = "UTC"
SUPPLIER_NAME = env.text("SUPPLIER_NAME", "Bayside Home Medical (synthetic)")
SUPPLIER_PHONE = env.text("SUPPLIER_PHONE", "(512) 555-0100")
SUPPLIER_TIME_ZONE = env.text("SUPPLIER_TIME_ZONE", "America/Chicago")

# --- people ----------------------------------------------------------------------------------------
AUTH_USER_MODEL = "portal.User"
AUTHENTICATION_BACKENDS = ["portal.sign_in.RealmBackend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
SESSION_ENGINE = "django.contrib.sessions.backends.db"
SESSION_COOKIE_AGE = 12 * 3600
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_HTTPONLY = False
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "config.errors.csrf_failure"
IDLE_SECONDS = env.number("IDLE_SECONDS", 15 * 60)
IDLE_WARNING_SECONDS = 60
ABSOLUTE_SESSION_SECONDS = env.number("ABSOLUTE_SESSION_SECONDS", 12 * 3600)
STEP_UP_SECONDS = env.number("STEP_UP_SECONDS", 10 * 60)
LOGIN_URL = "portal:sign-in"
SIGN_OUT_URL = "portal:sign-out"
DOORKEEPER = "portal.doors"  # who may pass a view or a socket: see config/security/middleware.py
OTP_WEBAUTHN_RP_NAME = SUPPLIER_NAME
# A browser gives no passkey to a bare address: on loopback it wants to hear "localhost".
OTP_WEBAUTHN_ALLOWED_ORIGINS = [PUBLIC_URL.replace("127.0.0.1", "localhost")]
OTP_WEBAUTHN_RP_ID = urlsplit(OTP_WEBAUTHN_ALLOWED_ORIGINS[0]).hostname
OTP_WEBAUTHN_ALLOW_PASSWORDLESS_LOGIN = True
# django-axes keeps the record of who came and who was turned away; limits are config/security/throttle.py.
AXES_LOCK_OUT_AT_FAILURE = False
AXES_USERNAME_CALLABLE = "portal.sign_in.recorded_name"
AXES_SENSITIVE_PARAMETERS = ["email", "password", "code", "token", "next", "csrfmiddlewaretoken"]
AXES_IPWARE_META_PRECEDENCE_ORDER = ("REMOTE_ADDR",)
AXES_ENABLE_ADMIN = AXES_VERBOSE = False
AXES_HTTP_RESPONSE_CODE = 429
SILENCED_SYSTEM_CHECKS = ["axes.W003"]  # the backend is ours: axes records by signals alone

# --- keys ------------------------------------------------------------------------------------------
# "id:base64 of 32 bytes", newest first, comma-separated. config/security/crypto.py derives one key a purpose.
MASTER_KEYS = env.secret(
    "MASTER_KEYS", "" if PRODUCTION else "demo1:ZGVtby1vbmx5LWtleS10aGF0LXByb2QtcmVmdXNlczE="
)
# Fernet keys of values that were written before AES-256-GCM: read, never written.
NO_FERNET_KEY = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
FIELD_ENCRYPTION_KEY = env.fernet_keys("LEGACY_FERNET_KEYS") or [NO_FERNET_KEY]
AUDITLOG_LOGENTRY_MODEL = "portal.AccessEntry"
# Where each seal of the trail is noted outside the database: a write-once place in production.
TRAIL_ANCHOR = env.text("TRAIL_ANCHOR", str(VAR_DIR / "trail-anchor.log"))

# --- files -----------------------------------------------------------------------------------------
STATIC_URL = "/static/"
STATIC_ROOT = env.text("STATIC_ROOT", str(VAR_DIR / "staticfiles"))
STATICFILES_DIRS = static.folders(BASE_DIR / "static")
# Files rest in MEDIA_ROOT, or in a bucket of S3 or what speaks like it, encrypted here as there.
S3_BUCKET = env.text("S3_BUCKET")
S3_OPTIONS = {
    "bucket_name": S3_BUCKET,
    "endpoint_url": env.address("S3_URL") or None,
    "region_name": env.text("S3_REGION") or None,
    "access_key": env.secret("S3_ACCESS_KEY") or None,
    "secret_key": env.secret("S3_SECRET_KEY") or None,
    "addressing_style": env.choice("S3_ADDRESSING", ("path", "virtual", "auto"), "path"),
}
IN_A_BUCKET = {"BACKEND": "config.security.s3_storage.EncryptedS3Storage", "OPTIONS": S3_OPTIONS}
ON_DISK = {"BACKEND": "config.security.storage.EncryptedFileSystemStorage"}
STORAGES = {
    "default": IN_A_BUCKET if S3_BUCKET else ON_DISK,
    "staticfiles": {"BACKEND": static.backend(PROFILE)},
}
MEDIA_ROOT = env.text("MEDIA_ROOT", str(VAR_DIR / "files"))
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.MemoryFileUploadHandler"]
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024 + 64 * 1024
# Where clamd listens: unix:///run/clamav/clamd.ctl or tcp://scanner:3310. Without it nothing is scanned.
# The demo takes the one this machine runs, if any.
CLAMD_SOCKET = Path("/run/clamav/clamd.ctl")
CLAMD_URL = env.text("CLAMD_URL", f"unix://{CLAMD_SOCKET}" if DEMO and CLAMD_SOCKET.exists() else "")
# Let files through that no scanner saw, marked so. Only the demo and the tests may.
UPLOADS_ACCEPT_UNSCANNED = env.flag("UPLOADS_ACCEPT_UNSCANNED", DEMO)
UPLOADS_PER_DAY = env.number("UPLOADS_PER_DAY", 100)
UPLOAD_BYTES_PER_DAY = env.number("UPLOAD_BYTES_PER_DAY", 2 * 1024**3)

# --- in transit ------------------------------------------------------------------------------------
SECURE_SSL_REDIRECT = PRODUCTION
SECURE_REDIRECT_EXEMPT = [r"^(healthz|readyz|metrics)$"]
SECURE_HSTS_SECONDS = env.number("HSTS_SECONDS", 365 * 24 * 3600 if PRODUCTION else 0)
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = PRODUCTION
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = PRODUCTION
HOST_PREFIX = "__Host-" if PRODUCTION else "dme-"
SESSION_COOKIE_NAME = f"{HOST_PREFIX}session"
CSRF_COOKIE_NAME = f"{HOST_PREFIX}csrf"
LANGUAGE_COOKIE_NAME = f"{HOST_PREFIX}language"
LANGUAGE_COOKIE_SECURE = PRODUCTION
if env.flag("BEHIND_TLS_PROXY"):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

# --- the outside world: every partner's base URL is a setting ----------------------------------------
EMAIL_BACKEND = "config.integrations.mail.Post"
EMAIL_HOST = env.text("EMAIL_HOST", "" if PRODUCTION else "127.0.0.1")
SANDBOX_SMTP_PORT = env.number("SANDBOX_SMTP_PORT", SANDBOX_PORT + 1)
EMAIL_PORT = env.number("EMAIL_PORT", 587 if PRODUCTION else SANDBOX_SMTP_PORT)
EMAIL_HOST_USER = env.text("EMAIL_HOST_USER")
EMAIL_HOST_PASSWORD = env.secret("EMAIL_HOST_PASSWORD")
EMAIL_USE_TLS = env.flag("EMAIL_USE_TLS", PRODUCTION)
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.text("DEFAULT_FROM_EMAIL", "" if PRODUCTION else "portal@bayside.example")
# Where answers to our mails go, with a token: reply+<token>@... The provider posts them to /webhooks/mail/.
REPLY_ADDRESS = env.text("REPLY_ADDRESS", DEFAULT_FROM_EMAIL.replace("portal@", "reply@"))
MAIL_WEBHOOK_SECRET = env.secret("MAIL_WEBHOOK_SECRET", "" if PRODUCTION else "demo-mail-webhook-secret")
SMS_URL = env.address("SMS_URL", "" if PRODUCTION else f"{SANDBOX_URL}/sms")
SMS_TOKEN = env.secret("SMS_TOKEN", "" if PRODUCTION else "demo-sms-token")
SMS_FROM = env.text("SMS_FROM", SUPPLIER_PHONE)
# The company posts texts that come in to /webhooks/sms/.
SMS_WEBHOOK_SECRET = env.secret("SMS_WEBHOOK_SECRET", "" if PRODUCTION else "demo-sms-webhook-secret")
# Calls out, in Twilio's REST shape. Without an address nobody is called: pages go by text and e-mail.
VOICE_URL = env.address("VOICE_URL", "" if PRODUCTION else f"{SANDBOX_URL}/voice")
VOICE_ACCOUNT = env.text("VOICE_ACCOUNT", "" if PRODUCTION else "ACdemo")
VOICE_TOKEN = env.secret("VOICE_TOKEN", "" if PRODUCTION else "demo-voice-token")
VOICE_FROM = env.text("VOICE_FROM", SUPPLIER_PHONE)
# Where customers follow a parcel; ``{number}`` is its tracking number.
CARRIER_TRACKING_URLS = {
    carrier: env.address(
        f"CARRIER_{carrier.upper()}_TRACKING_URL",
        address if PRODUCTION else f"{SANDBOX_URL}/carriers/{carrier}/track/{{number}}",
    )
    for carrier, address in {
        "ups": "https://www.ups.com/track?tracknum={number}",
        "fedex": "https://www.fedex.com/fedextrack/?trknbr={number}",
        "usps": "https://tools.usps.com/go/TrackConfirmAction?tLabels={number}",
    }.items()
}

# --- watching --------------------------------------------------------------------------------------
METRICS_TOKEN = env.secret("METRICS_TOKEN", "" if PRODUCTION else "demo-metrics-token")
LARGEST_CLOCK_SKEW_SECONDS = 2
LATEST_HEARTBEAT_SECONDS = env.number("LATEST_HEARTBEAT_SECONDS", 90)

LOGGING_CONFIG = None
LOGGING = logs.configure(PROFILE, env.choice("LOG_LEVEL", logs.LEVELS, "INFO"))
