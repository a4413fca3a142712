"""A process that carries into the graph until it is killed: `python -m sync.tests.carrier`."""

import os
import time

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hopper.settings")
django.setup()

from sync.operations import mirroring  # noqa: E402

mirroring.BATCH = 5  # so that a kill meets a batch under way
while True:
    mirroring.mirror_waiting()
    time.sleep(0.2)
