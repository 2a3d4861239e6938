"""The server's settings, with what makes tests quick and deterministic."""

from config.settings import *  # noqa: F403
from config.settings import DATABASES, STORAGES

DATABASES["default"]["OPTIONS"] = {}
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
PRACTICE_SCRIPTS = True
UNDO_S = 0  # what is deleted goes at once, unless a test says otherwise
WHITENOISE_AUTOREFRESH = WHITENOISE_USE_FINDERS = True  # no collected files in tests
