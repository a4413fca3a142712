"""Hopper routes tasks to whoever is best able to do them, says why, and learns."""

from hopper.celery import app as celery_app

__version__ = "0.1.0"
__all__ = ["__version__", "celery_app"]
