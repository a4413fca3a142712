from typing import Any

from hopper.management.base import Answer, HopperCommand
from hopper.management.diagnosis import examine


class Command(HopperCommand):
    help = "Look at everything Hopper depends on, and say what to type where something is missing."
    requires_system_checks: list[str] = []  # they are part of the answer

    def answer(self, **options: Any) -> Answer:
        findings = list(examine())
        problems = sum(finding.state == "problem" for finding in findings)
        return {"ok": not problems, "problems": problems, "checks": [finding.as_dict() for finding in findings]}

    def show(self, answer: Answer) -> None:
        for check in answer["checks"]:
            self.stdout.write(f"{check['state']:<8} {check['name']}: {check['detail']}")
            if check["fix"]:
                self.stdout.write(f"{'':<8} → {check['fix']}")

    def complaint(self, answer: Answer) -> str | None:
        number = answer["problems"]
        return f"{number} of these need{'s' if number == 1 else ''} you." if number else None
