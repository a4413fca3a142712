"""Brings the model of the ONNX adapter to this machine; no file is believed unchecked, and none is overwritten."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx2
from django.conf import settings

from hopper.common.errors import HopperError
from routing.embedding.onnx import model_folder

PATIENCE = 30.0  # seconds without a byte

Tick = Callable[[int, int], None]


class ModelNotFetched(HopperError):
    """The model could not be brought here; its folder is as it was."""

    code = "model_not_fetched"
    status = 503


@dataclass(frozen=True)
class ModelFile:
    """A file of the model: its name here, where it stands below EMBEDDINGS_MODEL_URL, and what it must be."""

    name: str
    path: str
    size: int
    sha256: str

    @property
    def url(self) -> str:
        return f"{settings.EMBEDDINGS_MODEL_URL.rstrip('/')}/{self.path}"


def fetch_model(*, tick: Tick = lambda count, total: None) -> tuple[Path, list[str]]:
    """Put what is missing into the model's folder, all or nothing; return the folder and the names.

    `tick` is told of the bytes that came with each piece, and of all that are to come.

    :raises ModelNotFetched: if it cannot be had, or is not what it must be
    """
    folder = model_folder(settings.EMBEDDINGS_MODEL_PATH)
    try:
        missing = _missing_from(folder)
        total = sum(file.size for file in missing)
        if missing:
            _fetch(missing, folder, lambda count: tick(count, total))
    except OSError as error:
        raise ModelNotFetched(f"{folder} cannot be used: {error.strerror}.") from error
    return folder, [file.name for file in missing]


def _missing_from(folder: Path) -> list[ModelFile]:
    """Return the files that the folder lacks; refuse one that holds others of their names."""
    wanted = [ModelFile(name, *rest) for name, rest in settings.EMBEDDINGS_MODEL_FILES.items()]
    missing = [file for file in wanted if not (folder / file.name).exists()]
    for file in wanted:
        if file not in missing and _digest(folder / file.name) != file.sha256:
            advice = "Remove it, or set EMBEDDINGS_MODEL_PATH to another folder."
            raise ModelNotFetched(f"{folder / file.name} is another file, or damaged. {advice}")
    return missing


def _fetch(files: list[ModelFile], folder: Path, tick: Callable[[int], None]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    identity = {"Accept-Encoding": "identity"}
    with (
        TemporaryDirectory(prefix=".fetching-", dir=folder) as scratch,
        httpx2.Client(timeout=PATIENCE, follow_redirects=True, headers=identity) as client,
    ):
        for file in files:
            _download(client, file, Path(scratch) / file.name, tick)
        for file in files:
            (Path(scratch) / file.name).replace(folder / file.name)


def _download(client: httpx2.Client, file: ModelFile, target: Path, tick: Callable[[int], None]) -> None:
    try:
        with client.stream("GET", file.url) as answer, target.open("wb") as out:
            answer.raise_for_status()
            for piece in answer.iter_bytes():
                out.write(piece)
                tick(len(piece))
                if out.tell() > file.size:
                    break
    except httpx2.HTTPStatusError as error:
        raise ModelNotFetched(f"{file.url} answered {error.response.status_code}.") from error
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise ModelNotFetched(f"{file.url} could not be read: {error}") from error
    if _digest(target) != file.sha256:
        raise ModelNotFetched(f"{file.url} is not the file that Hopper knows: its SHA-256 differs.")


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
