"""A folder of files under Git, written by Hopper alone, by the git command (docs/adr/0024)."""

import os
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from hopper.common.errors import HopperError

SECONDS = 60  # a push to a server that does not answer must not hold the run
BRANCH = "refs/heads/main"
CONFIGURED = {
    "core.hooksPath": os.devnull, "commit.gpgSign": "false", "core.autocrlf": "false", "core.fsmonitor": "false",
    "gc.autoDetach": "false", "protocol.ext.allow": "never", "credential.helper": "", "advice.detachedHead": "false",
}  # fmt: skip
NOBODY_ASKS = {
    "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0", "GIT_ASKPASS": "false",
    "SSH_ASKPASS": "false", "GIT_SSH_COMMAND": "ssh -o BatchMode=yes -o ConnectTimeout=10", "LC_ALL": "C",
    "GIT_AUTHOR_NAME": "Hopper", "GIT_AUTHOR_EMAIL": "hopper@localhost",
    "GIT_COMMITTER_NAME": "Hopper", "GIT_COMMITTER_EMAIL": "hopper@localhost",
}  # fmt: skip
INHERITED = ("PATH", "HOME", "SSH_AUTH_SOCK")
LOCKS = ("index.lock", "HEAD.lock", "refs/heads/main.lock")


class RepositoryFailed(HopperError):
    """Git could not do what was asked of it; what was committed stays."""

    code = "repository_failed"


class Repository:
    """Commits whole files and pushes them; what else lies in the folder is left alone.

    Whoever uses it makes sure that nobody else does meanwhile: locks that a killed run left behind are removed.
    """

    def __init__(self, folder: Path, remote: str = "") -> None:
        self.folder = folder
        self.remote = remote

    def prepare(self) -> None:
        """Make the repository if there is none, and take over what the remote has beyond it.

        :raises RepositoryFailed: if the folder cannot be written or there is no git
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RepositoryFailed(f"{self.folder} cannot be written: {error.strerror}.") from error
        self._git("init", "--quiet", "--initial-branch=main")
        for name in LOCKS:
            (self.folder / ".git" / name).unlink(missing_ok=True)
        if self.remote:
            with suppress(RepositoryFailed):  # away, or still empty: the push will tell
                self._git("fetch", "--quiet", "--no-tags", "--", self.remote, BRANCH)
                if not self._succeeds("rev-parse", "--verify", "--quiet", "HEAD") or self._succeeds(
                    "merge-base", "--is-ancestor", "HEAD", "FETCH_HEAD"
                ):
                    self._git("update-ref", BRANCH, "FETCH_HEAD")

    def read(self, name: str) -> str:
        """Return the file as it was last committed; empty if it never was."""
        return self._git("cat-file", "blob", f"HEAD:{name}") if self._succeeds("cat-file", "-e", f"HEAD:{name}") else ""

    def differs(self, files: Mapping[str, str]) -> bool:
        """Tell whether a file has other content than was last committed."""
        return any(self.read(name) != text for name, text in files.items())

    def commit(self, files: Mapping[str, str], message: str) -> str:
        """Write and commit these files, and return the commit's id.

        :raises RepositoryFailed: if that cannot be done
        """
        for name, text in files.items():
            part = self.folder / f".{name}.part"
            part.write_text(text, encoding="utf-8")
            part.replace(self.folder / name)
        self._git("add", "--force", "--", *files)
        self._git("commit", "--quiet", "--no-verify", "--only", f"--message={message}", "--", *files)
        return self._git("rev-parse", "HEAD").strip()

    def push(self) -> None:
        """Bring what is committed to the remote, never by force; nothing to do is fine.

        :raises RepositoryFailed: if the remote is away, refuses, or has gone another way
        """
        self._git("push", "--quiet", "--", self.remote, f"HEAD:{BRANCH}")

    def _succeeds(self, *words: str) -> bool:
        return self._run(*words).returncode == 0

    def _git(self, *words: str) -> str:
        done = self._run(*words)
        if done.returncode:
            said = (done.stderr.strip() or f"status {done.returncode}").splitlines()[-1]
            raise RepositoryFailed(f"git {words[0]}: {self._without_remote(said)}")
        return done.stdout

    def _run(self, *words: str) -> subprocess.CompletedProcess[str]:
        settings = [word for name, value in CONFIGURED.items() for word in ("-c", f"{name}={value}")]
        place = {"GIT_DIR": str(self.folder / ".git"), "GIT_WORK_TREE": str(self.folder)}
        inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
        try:
            return subprocess.run(  # noqa: S603 - a fixed program, and words of ours
                ["git", *settings, *words],  # noqa: S607 - wherever the system has it
                cwd=self.folder, env={**inherited, **NOBODY_ASKS, **place}, check=False, timeout=SECONDS,
                stdin=subprocess.DEVNULL, capture_output=True, text=True, encoding="utf-8", errors="replace",
            )  # fmt: skip
        except FileNotFoundError as error:
            raise RepositoryFailed("There is no git here: install it, or set MEMORY_REPOSITORY to nothing.") from error
        except subprocess.TimeoutExpired as error:
            raise RepositoryFailed(f"git {words[0]} took more than {SECONDS} s.") from error

    def _without_remote(self, text: str) -> str:
        """Return the text without the remote's address, which may hold a password."""
        return text.replace(self.remote, "the remote") if self.remote else text
