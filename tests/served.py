"""The settings of servers that tests start: the product's, but that a password is hashed once and not a million times,
for everybody signs up anew."""

from django.contrib.auth.hashers import PBKDF2PasswordHasher

from config.settings import *  # noqa: F403


class QuickHasher(PBKDF2PasswordHasher):
    iterations = 1


PASSWORD_HASHERS = ["tests.served.QuickHasher"]
