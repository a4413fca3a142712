"""What advisers were asked, what they answered and proposed, and what it cost."""

from django.db import models
from django.db.models import Q

from hopper.common.ids import new_id
from hopper.common.models import Timestamped, Versioned
from routing.querysets import QuestionQuerySet, TaskAdviceQuerySet
from tasks.models import Task


def _json(empty: type) -> models.JSONField:
    return models.JSONField(default=empty, blank=True, db_default=models.Value(empty(), models.JSONField()))


class AdviserQuestion(Timestamped, Versioned):
    """One question to one adviser: where does this task belong?

    `about` is the digest of the task's text, the policy and the learned state: the same is asked once. `options` are
    the projects by the key that the adviser was told, `dossier` is the digest of all that it was told. The text of
    the task is in neither; `reason` is somebody else's text.
    """

    class Adviser(models.TextChoices):
        """Who was asked."""

        LLM = "llm"
        SAGE = "sage"

    class State(models.TextChoices):
        """asked: no answer yet · answered: it named a place · abstained: it could not tell · failed: it is away, over
        its budget, or answered something else · expired: it took too long · overtaken: somebody else was quicker.
        """

        ASKED = "asked"
        ANSWERED = "answered"
        ABSTAINED = "abstained"
        FAILED = "failed"
        EXPIRED = "expired"
        OVERTAKEN = "overtaken"

    id = models.CharField(primary_key=True, max_length=50, default=new_id)
    task = models.ForeignKey(Task, models.CASCADE, related_name="questions", db_index=False)
    adviser = models.CharField(max_length=20, choices=Adviser.choices)
    model = models.CharField(max_length=100)
    about = models.CharField(max_length=64)
    dossier = models.CharField(max_length=64)
    options = _json(dict)
    state = models.CharField(max_length=20, choices=State.choices, default=State.ASKED, db_default=State.ASKED)
    asked_at = models.DateTimeField()
    deadline = models.DateTimeField()
    choice = models.CharField(max_length=100, null=True, blank=True)
    confidence = models.FloatField(null=True, blank=True)
    rivals = models.FloatField(default=1.0, db_default=1.0, help_text="Between how many places Hopper was in doubt.")
    reason = models.CharField(max_length=500, blank=True, default="", db_default="")
    answered_at = models.DateTimeField(null=True, blank=True)

    objects = QuestionQuerySet.as_manager()

    class Meta:
        db_table = "adviser_questions"
        constraints = [
            models.UniqueConstraint(name="the_same_is_asked_once", fields=["task", "adviser", "about"]),
            models.CheckConstraint(name="question_adviser_is_known", condition=Q(adviser__in=["llm", "sage"])),
            models.CheckConstraint(
                name="question_state_is_known",
                condition=Q(state__in=["asked", "answered", "abstained", "failed", "expired", "overtaken"]),
            ),
            models.CheckConstraint(
                name="question_has_a_choice_iff_answered",
                condition=Q(state="answered", choice__isnull=False)
                | ~Q(state__in=["answered", "overtaken"]) & Q(choice__isnull=True)
                | Q(state="overtaken"),
            ),
            models.CheckConstraint(
                name="question_confidence_is_a_share",
                condition=Q(confidence__isnull=True) | Q(confidence__range=(0, 1)),
            ),
        ]
        indexes = [
            models.Index(name="idx_questions_open", fields=["deadline"], condition=Q(state="asked")),
            models.Index(name="idx_questions_record", fields=["model", "answered_at"], condition=Q(state="answered")),
        ]

    def __str__(self) -> str:
        return f"{self.model} about {self.task}"


class TaskAdvice(Timestamped, Versioned):
    """Tags, an effort or subtasks that an adviser proposes; nothing of it holds until a person accepts it."""

    class Kind(models.TextChoices):
        """What is proposed."""

        TAGS = "tags"
        EFFORT = "effort"
        SUBTASKS = "subtasks"

    class State(models.TextChoices):
        """asked: it is being made · proposed: a person may accept it · accepted · dismissed · failed: there is none."""

        ASKED = "asked"
        PROPOSED = "proposed"
        ACCEPTED = "accepted"
        DISMISSED = "dismissed"
        FAILED = "failed"

    OPEN = (State.ASKED, State.PROPOSED)

    id = models.CharField(primary_key=True, max_length=50, default=new_id)
    task = models.ForeignKey(Task, models.CASCADE, related_name="advice")
    kind = models.CharField(max_length=20, choices=Kind.choices)
    state = models.CharField(max_length=20, choices=State.choices, default=State.ASKED, db_default=State.ASKED)
    content = _json(dict)
    model = models.CharField(max_length=100)
    asked_by = models.CharField(max_length=200)
    settled_by = models.CharField(max_length=200, null=True, blank=True)

    objects = TaskAdviceQuerySet.as_manager()

    class Meta:
        db_table = "task_advice"
        verbose_name_plural = "advice"
        constraints = [
            models.UniqueConstraint(
                name="one_open_advice_of_a_kind",
                fields=["task", "kind"],
                condition=Q(state__in=["asked", "proposed"]),
            ),
            models.CheckConstraint(name="advice_kind_is_known", condition=Q(kind__in=["tags", "effort", "subtasks"])),
            models.CheckConstraint(
                name="advice_state_is_known",
                condition=Q(state__in=["asked", "proposed", "accepted", "dismissed", "failed"]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} for {self.task}"
