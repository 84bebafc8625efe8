"""Where the server takes the tasks' pictures from: its local files, its own uploads, or an S3 bucket.

A picture has a name that changes with its content, so what is there under that name is never sent again. Secrets
(of S3) come from the environment; they go to the server's storage settings and are in no task and no message.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

from hint_toolkit.errors import InputError, MissingExtra, ServerError
from hint_toolkit.labelstudio.client import LabelStudioClient
from hint_toolkit.labelstudio.tasks import image_url
from hint_toolkit.workspace import fingerprint

KINDS: Final = ("local", "upload", "s3")
TYPES: Final = {".jpg": "image/jpeg", ".png": "image/png"}
_AT_ONCE: Final = 50
"""Files in one request; the server refuses more than 100."""


class Pictures(Protocol):
    """A place for pictures. `open` comes first, `ready` once the first of them are there."""

    def open(self, client: LabelStudioClient, project_id: int, keeper_id: int) -> None:
        """Learn what is there.

        Args:
            client: logged in.
            project_id: whose tasks show the pictures.
            keeper_id: project that keeps uploads. The server refuses them where a task has two pictures.
        """

    def absent(self, names: Sequence[str]) -> list[str]:
        """Those of the names that are not there yet."""

    def bring(self, files: Sequence[Path]) -> None:
        """Put files there, under their names."""

    def url(self, name: str) -> str:
        """The address for a task's data of a picture that is there."""

    def ready(self) -> None:
        """See to it that users of the project can look at what was brought."""


class LocalPictures:
    """Files in a folder that the server reads itself."""

    def __init__(self, folder: Path, document_root: Path, server_folder: str = "") -> None:
        """Name the folders.

        Args:
            folder: holds the pictures.
            document_root: at or above it; the folder that the server was started with.
            server_folder: `folder` as the server sees it, where that is another path (a container, another machine).

        Raises:
            InputError: the folder is not below the root.
        """
        self._folder = folder.resolve()
        if not self._folder.is_relative_to(document_root.resolve()):
            where, why = str(self._folder), str(document_root.resolve())
            raise InputError("is not below the server's document root", where=where, why=why)
        self._server_folder = server_folder.rstrip("/") or str(self._folder)
        self._address = self._folder.relative_to(document_root.resolve()).as_posix()

    def open(self, client: LabelStudioClient, project_id: int, keeper_id: int) -> None:
        """The server shows local files only where a storage of the project says so."""
        self._folder.mkdir(parents=True, exist_ok=True)
        client.ensure_storage(project_id, self._server_folder)

    def absent(self, names: Sequence[str]) -> list[str]:
        """Those without a file; the folder may have been cleared."""
        return [name for name in names if not (self._folder / name).is_file()]

    def bring(self, files: Sequence[Path]) -> None:
        """They are there already: pictures are written into this folder."""

    def url(self, name: str) -> str:
        """Of the server's local-files storage."""
        return image_url(f"{self._address}/{name}")

    def ready(self) -> None:
        """Done when it was opened."""


class UploadedPictures:
    """Files that the server keeps itself."""

    def __init__(self) -> None:
        """Nothing is asked yet."""
        self._there: dict[str, str] = {}
        self._client: LabelStudioClient | None = None
        self._project = 0

    def open(self, client: LabelStudioClient, project_id: int, keeper_id: int) -> None:
        """The server puts something random before every name; find ours behind it."""
        self._client, self._project = client, keeper_id
        for upload in client.uploads(keeper_id):
            name = Path(str(upload["file"])).name.partition("-")[2]
            self._there.setdefault(name, f"/data/{upload['file']}")

    def absent(self, names: Sequence[str]) -> list[str]:
        """Those that were not uploaded."""
        return [name for name in names if self._safe(name) not in self._there]

    def bring(self, files: Sequence[Path]) -> None:
        """Upload, fifty files a request."""
        assert self._client is not None, "open it first"
        for start in range(0, len(files), _AT_ONCE):
            portion = files[start : start + _AT_ONCE]
            named = {self._safe(path.name): (path.read_bytes(), TYPES[path.suffix]) for path in portion}
            for upload in self._client.upload(self._project, named):
                self._there[Path(str(upload["file"])).name.partition("-")[2]] = f"/data/{upload['file']}"
        if lost := self.absent([path.name for path in files]):
            raise ServerError(f"did not keep {len(lost)} of {len(files)} pictures", where=self._client.url)

    def url(self, name: str) -> str:
        """Of the uploaded file."""
        return self._there[self._safe(name)]

    def ready(self) -> None:
        """Users of the project see its uploads."""

    @staticmethod
    def _safe(name: str) -> str:
        """A name that the server does not change."""
        return f"{fingerprint(name)}{Path(name).suffix}"


class S3Pictures:
    """Objects in a bucket, to which the server gives browsers signed addresses.

    Taken from the environment, as by every program of AWS: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY,
    AWS_SESSION_TOKEN, AWS_DEFAULT_REGION, AWS_ENDPOINT_URL (or AWS_ENDPOINT_URL_S3) for a server that is not Amazon's.
    """

    def __init__(self, place: str, environment: Mapping[str, str] = os.environ) -> None:
        """Name the place; nothing is asked yet.

        Args:
            place: s3://bucket/prefix, e.g. "s3://hands/kitchen".
            environment: with the credentials.

        Raises:
            InputError: no such address, or no credentials.
            MissingExtra: boto3 is not installed.
        """
        parts = urlsplit(place)
        if parts.scheme != "s3" or not parts.netloc or not parts.path.strip("/") or "@" in parts.netloc:
            raise InputError("is no place in a bucket", where=parts.path, next_step="write s3://bucket/prefix")
        self._bucket, self._prefix = parts.netloc, parts.path.strip("/")
        names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
        if unset := [name for name in names if not environment.get(name)]:
            raise InputError(f"{' and '.join(unset)} not set", where=f"s3://{self._bucket}", next_step="export them")
        endpoint = environment.get("AWS_ENDPOINT_URL_S3") or environment.get("AWS_ENDPOINT_URL") or None
        self._access = {
            "aws_access_key_id": environment["AWS_ACCESS_KEY_ID"],
            "aws_secret_access_key": environment["AWS_SECRET_ACCESS_KEY"],
            "aws_session_token": environment.get("AWS_SESSION_TOKEN") or None,
            "region_name": environment.get("AWS_DEFAULT_REGION") or environment.get("AWS_REGION") or "us-east-1",
        }
        self._endpoint = endpoint
        try:
            import boto3
        except ImportError as error:
            raise MissingExtra("boto3", "s3") from error
        self._s3 = boto3.client("s3", endpoint_url=endpoint, **self._access)
        self._there: set[str] = set()
        self._client: LabelStudioClient | None = None
        self._project = 0

    def open(self, client: LabelStudioClient, project_id: int, keeper_id: int) -> None:
        """List what lies under the prefix."""
        self._client, self._project = client, project_id
        pages = self._s3.get_paginator("list_objects_v2")
        listed = self._asked("list", lambda: list(pages.paginate(Bucket=self._bucket, Prefix=f"{self._prefix}/")))
        self._there = {Path(item["Key"]).name for page in listed for item in page.get("Contents", [])}

    def absent(self, names: Sequence[str]) -> list[str]:
        """Those without an object."""
        return [name for name in names if name not in self._there]

    def bring(self, files: Sequence[Path]) -> None:
        """Put the objects."""
        for path in files:
            fields = {"Bucket": self._bucket, "Key": f"{self._prefix}/{path.name}", "ContentType": TYPES[path.suffix]}
            body = path.read_bytes()
            self._asked("write to", lambda fields=fields, body=body: self._s3.put_object(Body=body, **fields))
            self._there.add(path.name)

    def url(self, name: str) -> str:
        """The object; the server's storage turns it into a signed address when somebody looks."""
        return f"s3://{self._bucket}/{self._prefix}/{name}"

    def ready(self) -> None:
        """Tell the server about the bucket, unless it knows; it wants to find an object there."""
        assert self._client is not None, "open it first"
        action = f"read pictures from s3://{self._bucket}"
        known = self._client.request(action, "GET", "api/storages/s3", params={"project": self._project})
        if any(
            (one.get("bucket"), (one.get("prefix") or "").strip("/")) == (self._bucket, self._prefix) for one in known
        ):
            return
        wish = {"project": self._project, "title": "hint_toolkit", "bucket": self._bucket, "prefix": self._prefix}
        wish |= {"use_blob_urls": True, "presign": True, "s3_endpoint": self._endpoint, **self._access}
        try:
            self._client.request(action, "POST", "api/storages/s3", json_body=wish)
        except ServerError as error:
            raise ServerError(self._without_secrets(str(error))) from None

    def _asked(self, action: str, call: Any) -> Any:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return call()
        except (BotoCoreError, ClientError) as error:
            raise ServerError(
                f"cannot {action} the bucket",
                where=f"s3://{self._bucket}/{self._prefix}",
                why=self._without_secrets(str(error)),
                next_step="check the bucket, the credentials and AWS_ENDPOINT_URL",
            ) from None

    def _without_secrets(self, text: str) -> str:
        for name in ("aws_secret_access_key", "aws_session_token", "aws_access_key_id"):
            if secret := self._access[name]:
                text = text.replace(secret, "***")
        return text
