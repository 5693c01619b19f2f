"""Settings of the web process. Workers load hmi.worker_settings, which leaves out what only pages need."""

import os
from pathlib import Path

import dj_database_url

from hmi import environment as env
from hmi import logs

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = env.data_dir(BASE_DIR)
HOST = env.host("HOST", "127.0.0.1")
PORT = env.port("PORT", 8000)
REDIS_URL = env.redis_url(DATA_DIR)
SECRET_KEY = env.secret_key(DATA_DIR)

DEBUG = False
USE_TLS = env.switch("ISTHMUS_TLS")
"""TLS ends at a proxy in front: cookies are then Secure, HSTS is sent, and plain http is sent to https."""
INSECURE_HTTP = env.switch("ISTHMUS_INSECURE_HTTP")
"""Somebody has decided to listen beyond loopback without TLS."""
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS") or [*env.LOOPBACK, "[::1]"]
if not env.words("ALLOWED_HOSTS") and HOST not in (*ALLOWED_HOSTS, *env.EVERYWHERE):
    ALLOWED_HOSTS.append(f"[{HOST}]" if ":" in HOST else HOST)
TRUSTED_PROXIES = env.proxies("TRUSTED_PROXIES")
CSRF_TRUSTED_ORIGINS = [f"https://{host}" for host in ALLOWED_HOSTS if USE_TLS and host != "*"]

INSTALLED_APPS = [
    "accounts.admin_app.GrantAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_htmx",
    "allauth",
    "allauth.account",
    "channels",
    "audit",
    "plant",
    "accounts",
    "devices",
    "alarms",
    "historian",
    "exchange",
    "hmi",
]

MIDDLEWARE = [
    "hmi.security.RequestId",
    "django.middleware.security.SecurityMiddleware",
    "hmi.static_files.ServeStaticFiles",
    "hmi.security.SecurityHeaders",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]

SECURE_HSTS_SECONDS = 365 * 24 * 3600 if USE_TLS else 0
SECURE_SSL_REDIRECT = USE_TLS
SECURE_REDIRECT_EXEMPT = [r"^(healthz|readyz|metrics)$"]  # asked from the machine itself, without the proxy
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = 10 * 1024 * 1024
"""Bytes of a form, a plant document among them."""

ROOT_URLCONF = "hmi.urls"
ASGI_APPLICATION = "hmi.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "hmi.screens.context_processors.chrome",
            ],
        },
    }
]

DATABASES = {
    "default": dj_database_url.parse(
        env.text("DATABASE_URL", f"sqlite:///{DATA_DIR / 'config.sqlite3'}"), conn_max_age=60, conn_health_checks=True
    )
}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 5,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA busy_timeout=5000;",
    }
elif DATABASES["default"]["ENGINE"] == "django.db.backends.postgresql":
    # A server that does not answer must not hold a process that is asked to end, nor a page, for minutes.
    DATABASES["default"]["OPTIONS"] = {"connect_timeout": 3, **DATABASES["default"].get("OPTIONS", {})}
HISTORY_DATABASE_URL = env.history_database_url(DATA_DIR)
HISTORY_SPOOL_MB = env.whole_number("HISTORY_SPOOL_MB", 1024, 16, 1_000_000)
"""So much may wait in DATA_DIR/spool while the database of history is away."""
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["accounts.backend.GrantBackend"]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "overview"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
PASSWORD_MIN_LENGTH = env.whole_number("PASSWORD_MIN_LENGTH", 15, 8, 64)
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": PASSWORD_MIN_LENGTH},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "accounts.passwords.RepetitionValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ("username", "full_name")},
    },
]
LOGIN_FAILURES = 5
"""Failed logins of one name from one address within LOGIN_LOCK_S that lock it for LOGIN_LOCK_S."""
LOGIN_FAILURES_PER_ADDRESS = 50
LOGIN_LOCK_S = 15 * 60
SESSION_MAX_S = 12 * 3600
"""A session ends this long after the login, whatever happens in it."""

ACCOUNT_ADAPTER = "accounts.login.LoginAdapter"
ACCOUNT_FORMS = {"login": "accounts.login.LoginForm", "change_password": "accounts.login.ChangePasswordForm"}
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_RATE_LIMITS = False  # accounts/lockout.py counts in the database: a login must not need a cache
ACCOUNT_SESSION_REMEMBER = True

SESSION_COOKIE_NAME = "__Host-isthmus" if USE_TLS else f"isthmus_{PORT}"
SESSION_COOKIE_AGE = SESSION_MAX_S
SESSION_COOKIE_SECURE = USE_TLS
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"  # Strict would show the login page to whoever follows a link from another system
CSRF_COOKIE_NAME = "__Host-isthmus-csrf" if USE_TLS else f"isthmus_csrf_{PORT}"
CSRF_COOKIE_SECURE = USE_TLS
CSRF_COOKIE_SAMESITE = "Strict"

LIVE_SOCKETS = env.whole_number("LIVE_SOCKETS", 2000, 1, 100_000)
"""Live screens the web process carries at a time; one more is refused with the reason."""
LIVE_SOCKETS_PER_USER = env.whole_number("LIVE_SOCKETS_PER_USER", 20, 1, 100_000)

LANGUAGE_CODE = "en"
TIME_ZONE = env.text("TIME_ZONE", "UTC")
USE_I18N = True
USE_TZ = True
FORMAT_MODULE_PATH = ["hmi.formats"]

STATIC_URL = "static/"
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_DIRS: list[Path | tuple[str, Path]] = [BASE_DIR / "static"]
UPLOT_DIR = BASE_DIR / "node_modules" / "uplot" / "dist"
if UPLOT_DIR.is_dir():
    STATICFILES_DIRS.append(("uplot", UPLOT_DIR))
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "hmi.static_files.HashedStaticFiles"},
}
STATIC_ROOT.mkdir(exist_ok=True)  # WhiteNoise warns about a missing folder in every test otherwise
WHITENOISE_ALLOW_ALL_ORIGINS = False

LOG_LEVEL = env.level("LOG_LEVEL", "INFO")
LOGGING_CONFIG = "hmi.logs.configure"
LOGGING = logs.logging_config(LOG_LEVEL, logs.known_secrets(os.environ, SECRET_KEY))
