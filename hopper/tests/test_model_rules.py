"""What every table promises; each check is shown a model that breaks it."""

import re

import pytest
from django.apps import apps
from django.db import models
from django.db.models.functions import Now
from django.test.utils import isolate_apps
from django.utils import timezone

from hopper.common.models import Timestamped, Versioned
from hopper.events.models import Event

ORDER = ["common", "events", "instances", "projects", "tasks", "routing", "feedback", "sync"]
SENTENCE = re.compile(r"[a-z0-9]+(_[a-z0-9]+)+\Z")
OURS = [model for label in ORDER for model in apps.get_app_config(label).get_models()]


def rising_relations(model):
    """Yield relations to an app that stands further up: rows point down, as imports do."""
    for field in model._meta.concrete_fields:
        if field.is_relation and rank(field.related_model) > rank(model):
            yield f"{model._meta.label}.{field.name} → {field.related_model._meta.label}"


def rank(model):
    label = model._meta.app_label
    return ORDER.index(label) if label in ORDER else -1  # Django's own apps lie below ours


def timeless(model):
    """Yield what is missing: every row knows when it was made, and one that changes has versions too."""
    names = {field.name for field in model._meta.concrete_fields}
    if "created_at" not in names:
        yield f"{model._meta.label} has no created_at"
    if "updated_at" in names and not issubclass(model, Versioned):
        yield f"{model._meta.label} changes without a version"


def undefaulted(model):
    """Yield fields with a default that plain SQL does not get; keys that Python makes are let off."""
    for field in model._meta.concrete_fields:
        made_by_python = field.primary_key or field.unique
        if field.has_default() and not field.has_db_default() and not made_by_python:
            yield f"{model._meta.label}.{field.name} has no db_default"


def nameless(model):
    """Yield constraints and indexes that nobody named, and the old ways to write them."""
    meta = model._meta
    for constraint in meta.constraints:
        if not SENTENCE.match(constraint.name):
            yield f"{meta.label}: {constraint.name} is no sentence"
    for index in meta.indexes:
        if not index.name.startswith("idx_"):
            yield f"{meta.label}: {index.name} was named by Django"
    if meta.unique_together:
        yield f"{meta.label} has unique_together"


def ordered(model):
    """Yield models that order every query behind its back."""
    if model._meta.ordering:
        yield f"{model._meta.label} has Meta.ordering"


CHECKS = [rising_relations, timeless, undefaulted, nameless, ordered]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_every_model_keeps(check):
    assert len(OURS) >= len(ORDER) - 1
    assert [fault for model in OURS for fault in check(model)] == []


class TestTheChecks:
    """Shown on purpose what they are for."""

    @isolate_apps("projects", "tasks")
    def test_find_a_relation_that_points_up(self):
        class Work(Timestamped):
            class Meta:
                app_label = "tasks"

        class Place(Timestamped):
            work = models.ForeignKey("tasks.Work", models.CASCADE)

            class Meta:
                app_label = "projects"

        assert list(rising_relations(Place)) == ["projects.Place.work → tasks.Work"]

    @isolate_apps("tasks")
    def test_find_a_row_that_does_not_know_its_time(self):
        class Stray(models.Model):
            class Meta:
                app_label = "tasks"

        class Half(Timestamped):
            updated_at = models.DateTimeField(db_default=Now())

            class Meta:
                app_label = "tasks"

        assert list(timeless(Stray)) == ["tasks.Stray has no created_at"]
        assert list(timeless(Half)) == ["tasks.Half changes without a version"]

    @isolate_apps("tasks")
    def test_find_a_default_that_only_python_knows(self):
        class Work(Timestamped):
            state = models.CharField(max_length=20, default="new")
            seen_at = models.DateTimeField(default=timezone.now)
            key = models.CharField(max_length=20, default=str, unique=True)

            class Meta:
                app_label = "tasks"

        assert list(undefaulted(Work)) == ["tasks.Work.state has no db_default", "tasks.Work.seen_at has no db_default"]

    @isolate_apps("tasks")
    def test_find_what_nobody_named(self):
        class Work(Timestamped):
            name = models.CharField(max_length=20)

            class Meta:
                app_label = "tasks"
                constraints = [models.CheckConstraint(name="short", condition=models.Q(name__length__lt=9))]
                indexes = [models.Index(fields=["name"])]
                unique_together = [("name", "created_at")]

        named, index, old = nameless(Work)
        assert named == "tasks.Work: short is no sentence"
        assert index.endswith("was named by Django")
        assert old == "tasks.Work has unique_together"

    @isolate_apps("tasks")
    def test_find_a_hidden_order(self):
        class Work(Timestamped):
            class Meta:
                app_label = "tasks"
                ordering = ["created_at"]

        assert list(ordered(Work)) == ["tasks.Work has Meta.ordering"]

    def test_leave_a_good_model_in_peace(self):
        assert [fault for check in CHECKS for fault in check(Event)] == []
