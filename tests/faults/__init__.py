"""What is broken on purpose, and what must hold all the same; also what runs without pytest needs Django."""

import os

import django
from django.apps import apps

if not apps.ready:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()
