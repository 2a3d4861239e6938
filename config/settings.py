"""Django settings, in Django's order; deployments differ only by the variables of `config.env`."""

from __future__ import annotations

from hashlib import sha256
from urllib.parse import urlsplit

import django_stubs_ext
from csp.constants import NONCE
from psycopg.conninfo import conninfo_to_dict

from config import postgres
from config.env import BASE_DIR, env
from config.observability import logs

django_stubs_ext.monkeypatch()  # generic ModelAdmin[...] at run time

VERSION = (BASE_DIR / "CHANGELOG.md").read_text().split("## [", 1)[1].split("]", 1)[0]
_bundle = BASE_DIR / "static" / "dist" / "manifest.json"
# An open page compares this with its own, and offers to load itself again.
BUILD = f"{VERSION}+{sha256(_bundle.read_bytes()).hexdigest()[:12] if _bundle.exists() else 'unbuilt'}"

DEBUG = env.debug
TENANCY = env.tenancy
DATA_DIR = env.data_dir
BASE_URL = env.base_url.rstrip("/")
SECRET_KEY = env.secret_key or env.kept_secret("django")
ENCRYPTION_KEYS = env.encryption_keys or [env.kept_secret("encryption")]
IS_SECURE = BASE_URL.startswith("https://")
ALLOWED_HOSTS = sorted({urlsplit(BASE_URL).hostname or "", *env.extra_hosts})
CSRF_TRUSTED_ORIGINS = [BASE_URL]

INSTALLED_APPS = [
    "config",
    "accounts",
    "environments",
    "gateway",
    "projects",
    "sessions",
    "pages",
    "channels",
    "procrastinate.contrib.django",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
]

MIDDLEWARE = [
    "config.middleware.RequestContextMiddleware",
    "config.middleware.OutageMiddleware",
    "config.middleware.ApiFrameMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "accounts.middleware.ActorMiddleware",
    "accounts.middleware.PreferencesMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "allauth.usersessions.middleware.UserSessionsMiddleware",
    "config.middleware.DomainErrorMiddleware",
]

ROOT_URLCONF = "config.urls"
ASGI_APPLICATION = "config.asgi.application"
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
                "csp.context_processors.nonce",
                "accounts.context.mailed_code",
                "pages.context.settings_frame",
            ]
        },
    }
]

# A request waits this long for a connection before it is told that the database is away.
_pool = {"min_size": 1, "max_size": env.database_pool, "timeout": 5}  # seconds
if env.database_url:
    _dsn = conninfo_to_dict(env.database_url)
    _database = {key.upper(): str(_dsn.pop(key, "") or "") for key in ("user", "password", "host", "port")}
    _database["NAME"] = str(_dsn.pop("dbname", "") or "")
    _options: dict[str, object] = {
        "connect_timeout": 10,
        "keepalives_idle": 30,
        "tcp_user_timeout": 30_000,
        **_dsn,
    }  # ms
else:
    _place = postgres.place(env.data_dir)
    _database = {"NAME": postgres.DATABASE, "USER": postgres.ROLE, "HOST": str(_place.socket_dir)}
    _options = {"connect_timeout": 10}
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "CONN_MAX_AGE": 0,
        "OPTIONS": {**_options, "pool": _pool},
        **_database,
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

if env.redis_url:
    from redis.asyncio.retry import Retry as AsyncRetry
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    # A Redis that is away or half dead costs a second, never a hanging request; readers then look by themselves.
    _patience = {"socket_connect_timeout": 1, "socket_timeout": 1, "health_check_interval": 10}  # seconds
    CHANNEL_LAYERS = {
        "default": {
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            "CONFIG": {
                "hosts": [{"address": env.redis_url, "retry": AsyncRetry(NoBackoff(), 0), **_patience}],
                "symmetric_encryption_keys": ENCRYPTION_KEYS,  # what is new in a session travels along with its ring
            },
        }
    }
    CACHES = {
        "default": {
            "BACKEND": "config.cache.Cache",
            "LOCATION": env.redis_url,
            "OPTIONS": {"retry": Retry(NoBackoff(), 0), **_patience},
        }
    }
else:
    CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
    CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ALLAUTH_TRUSTED_PROXY_COUNT = env.trusted_proxies
ACCOUNT_ADAPTER = "accounts.adapters.AccountAdapter"
ACCOUNT_FORMS = {
    "change_password": "accounts.password_forms.ChangePasswordForm",
    "reset_password_from_key": "accounts.password_forms.ResetPasswordKeyForm",
}
ACCOUNT_SIGNUP_FORM_CLASS = "accounts.forms.SignupForm"
ACCOUNT_EMAIL_SUBJECT_PREFIX = "[Slipway] "
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = True
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_TIMEOUT = ACCOUNT_PASSWORD_RESET_BY_CODE_TIMEOUT = 15 * 60  # seconds
ACCOUNT_EMAIL_VERIFICATION_SUPPORTS_RESEND = ACCOUNT_EMAIL_VERIFICATION_SUPPORTS_CHANGE = True
ACCOUNT_PASSWORD_RESET_BY_CODE_ENABLED = True
ACCOUNT_LOGIN_ON_PASSWORD_RESET = True
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_SESSION_REMEMBER = True
MFA_TOTP_ISSUER = "Slipway"

SESSION_COOKIE_NAME = "__Host-sessionid" if IS_SECURE else "sessionid"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = IS_SECURE
CSRF_FAILURE_VIEW = "pages.errors.old_form"
CSRF_COOKIE_NAME = "__Host-csrftoken" if IS_SECURE else "csrftoken"
SECURE_HSTS_SECONDS = 31_536_000 if IS_SECURE else 0
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if IS_SECURE else None
SECURE_REFERRER_POLICY = "same-origin"  # with no-referrer browsers send `Origin: null` on forms, which CSRF refuses
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'", NONCE],
        "style-src": ["'self'", NONCE],
        "img-src": ["'self'", "blob:", "data:"],
        "font-src": ["'self'"],
        "connect-src": ["'self'", BASE_URL.replace("http", "ws", 1)],
        "manifest-src": ["'self'"],
        "worker-src": ["'self'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
        "base-uri": ["'none'"],
        "object-src": ["'none'"],
    }
}

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("ja", "日本語")]
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
_static = (
    "django.contrib.staticfiles.storage.StaticFilesStorage"
    if DEBUG
    else "whitenoise.storage.CompressedManifestStaticFilesStorage"
)
WHITENOISE_MAX_AGE = 0  # seconds; what is not named by its content is asked for again
WHITENOISE_IMMUTABLE_FILE_TEST = (
    r"^.+(-[0-9A-Z]{8}\.(js|css)|\.[0-9a-f]{12}\..+)$"  # named by the front end's build or the storage
)
STORAGES = {"default": {"BACKEND": "django.core.files.storage.FileSystemStorage"}, "staticfiles": {"BACKEND": _static}}

EMAIL_BACKEND = (
    "django.core.mail.backends.smtp.EmailBackend"
    if env.email_host
    else "django.core.mail.backends.console.EmailBackend"
)
EMAIL_HOST, EMAIL_PORT = env.email_host, env.email_port
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = env.email_user, env.email_password
EMAIL_USE_TLS = bool(env.email_host)
EMAIL_TIMEOUT = 10  # seconds
DEFAULT_FROM_EMAIL = env.email_from

DATA_UPLOAD_MAX_MEMORY_SIZE = 16 * 2**20  # bytes of one JSON body; uploads are files and capped apart

LOGGING_CONFIG = "config.observability.logs.configure"
LOGGING = logs.settings(env.log_level, env.data_dir / "logs")

ANTHROPIC_API_KEY = env.anthropic_api_key
ANTHROPIC_BASE_URL = env.anthropic_base_url.rstrip("/")
MODELS = env.models
MODEL_PRICES = env.model_prices
PRACTICE_SCRIPTS = env.debug if env.practice_scripts is None else env.practice_scripts
SESSION_BUDGET_USD = env.session_budget_usd
CLAUDE_CLI = env.claude_cli
AGENTS_DIR = BASE_DIR / "agents"
ALLOW_UNCONFINED = env.allow_unconfined
GIT_IDENTITY = env.git_identity
SSH_AGENT = env.ssh_agent
DOCKER_HOST = env.docker_host
DOCKER_RUNTIMES = env.docker_runtimes
DOCKER_NETWORKS = env.docker_networks
DOCKER_IMAGES = env.docker_images
DOCKER_BUILDS = env.docker_builds
BUILD_NETWORK = env.build_network
BUILD_MEMORY_MB = env.build_memory_mb
BUILD_CPUS = env.build_cpus
BUILD_TIMEOUT_S = env.build_timeout_s
BUILD_CONTEXT_MAX_BYTES = env.build_context_max_bytes
BUILDS_PER_ORGANIZATION = env.builds_per_organization
IMAGE_MAX_BYTES = env.image_max_bytes
MODAL_TOKEN_ID = env.modal_token_id
MODAL_TOKEN_SECRET = env.modal_token_secret
MODAL_SKILLS_VOLUME = env.modal_skills_volume
DEFAULT_ENVIRONMENT = env.default_environment
SANDBOX_LIFETIME_S = env.sandbox_lifetime_s
ARCHIVE_AFTER_DAYS = env.archive_after_days
AGENT_IDLE_S = env.agent_idle_s
SANDBOX_IDLE_S = env.sandbox_idle_s
SANDBOX_MAX_AGE_S = env.sandbox_max_age_s
PREWARM = env.prewarm
UNDO_S = env.undo_s
CLONE_PRIVATE_HOSTS = env.clone_private_hosts
SSH_PRIVATE_HOSTS = env.ssh_private_hosts
CLONE_TIMEOUT_S = env.clone_timeout_s
CLONE_MAX_BYTES = env.clone_max_bytes
UPLOAD_MAX_BYTES = env.upload_max_bytes
WORKER_CONCURRENCY = env.worker_concurrency
RUNNING_TURNS = env.running_turns
TURNS_PER_ORGANIZATION = env.turns_per_organization
TURNS_PER_USER = env.turns_per_user
SLOW_READER_S = env.slow_reader_s
METRICS_TOKEN = env.metrics_token
PROMPT_MAX_BYTES = 4 * 2**20
