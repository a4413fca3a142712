"""Everything that changes projects."""

from typing import Any

from django.utils.text import slugify

from hopper.common.errors import Invalid
from hopper.events import operations as log
from projects.models import Project

NAME_IS_KEPT = "A project's name never changes: tasks, decisions and rules stand on it."


def register_project(*, name: str, actor: str, **fields: Any) -> Project:
    """Make a destination known; the slug comes from the name unless it is given.

    :raises Invalid: if a field is wrong or the name or slug is taken
    """
    fields["slug"] = fields.get("slug") or slugify(name) or slugify(name, allow_unicode=True).encode().hex()[:40]
    project = Project(name=name, created_by=actor[:100], **fields)
    return log.create_row(project, kind="project.registered", actor=actor, name=name)


def change_project(*, project: Project, actor: str, **changes: Any) -> Project:
    """Change what a project can do or how it is reached.

    :raises Invalid: if a field is wrong
    """
    if changes.pop("name", project.name) != project.name:
        raise Invalid({"name": [NAME_IS_KEPT]})
    return log.change_row(project, kind="project.changed", actor=actor, changes=changes)


def delete_project(*, project: Project, actor: str) -> None:
    """Delete a project that has no tasks; one that has can be made inactive.

    :raises StillInUse: if tasks or decisions name it
    """
    log.delete_row(project, kind="project.deleted", actor=actor)
