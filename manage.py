#!/usr/bin/env python
"""Hopper's command line: `python manage.py help` lists every command."""

import os
import sys

ROLES = {"relay": "worker", "runserver": "web", "stream": "stream"}


def main() -> None:
    """Run the command named on the command line."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hopper.settings")
    if role := ROLES.get("".join(sys.argv[1:2])):
        os.environ.setdefault("HOPPER_ROLE", role)  # before the settings are loaded, as they depend on it
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
