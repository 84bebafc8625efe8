"""The calls to Label Studio that the toolkit needs: projects, tasks, predictions, annotations; exports are beside."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

import orjson

from hint_toolkit.errors import InputError, ServerError
from hint_toolkit.labelstudio.exports import LONG, ExportClient

_PAGE: Final = 500
_QUERY_CHARACTERS: Final = 16_000
"""Ids to look up travel in the URL; servers refuse lines of 64 kB."""


@dataclass(frozen=True)
class Project:
    """A project on the server; `model_version` is the one whose predictions annotators start from."""

    id: int
    title: str
    model_version: str
    label_config: str


@dataclass(frozen=True)
class TaskRef:
    """A task as a list shows it. `annotated` is true for skipped ones too; `key` is empty for foreign tasks."""

    id: int
    hint_id: str
    key: str
    annotated: bool


class LabelStudioClient(ExportClient):
    """What the toolkit asks of a server, over one connection."""

    def find_project(self, title: str) -> Project | None:
        """The project of exactly this title.

        Raises:
            InputError: there are several.
        """
        with self._translated("list projects"):
            found = [p for p in self._sdk.projects.list(title=title, page_size=100) if p.title == title]
        if len(found) > 1:
            ids = ", ".join(str(p.id) for p in found)
            raise InputError(f"has {len(found)} projects titled {title!r}", where=self.url, why=f"ids {ids}")
        return _project(found[0]) if found else None

    def create_project(self, title: str, label_config: str) -> Project:
        """A new project, one annotation wanted a task."""
        with self._translated(f"create the project {title!r}"):
            return _project(self._sdk.projects.create(title=title, label_config=label_config, maximum_annotations=1))

    def set_label_config(self, project_id: int, label_config: str) -> None:
        """Replace the labelling configuration."""
        with self._translated("change the labelling configuration"):
            self._sdk.projects.update(project_id, label_config=label_config)

    def set_model_version(self, project_id: int, model_version: str) -> None:
        """Choose whose predictions annotators start from; the server must have one of this version."""
        with self._translated("choose the model version"):
            self._sdk.projects.update(project_id, model_version=model_version)

    def ensure_storage(self, project_id: int, folder: str) -> None:
        """Let users of the project see the pictures in a folder of the server's machine."""
        with self._translated(f"serve pictures from {folder}"):
            storages = self._sdk.import_storage.local.list(project=project_id)
            if all(str(storage.path).rstrip("/") != folder for storage in storages):
                self._sdk.import_storage.local.create(
                    project=project_id, path=folder, use_blob_urls=True, title="hint_toolkit"
                )

    def set_people(self, project_id: int, wanted: int) -> None:
        """How many different people shall answer each task of a project."""
        with self._translated("set the number of annotations a task"):
            self._sdk.projects.update(project_id, maximum_annotations=wanted)

    def uploads(self, project_id: int) -> list[dict[str, Any]]:
        """Files that our user uploaded to a project: id, and path below `/data/`."""
        found = self.request("list uploads", "GET", f"api/projects/{project_id}/file-uploads", params={"all": "true"})
        return sorted(found, key=lambda upload: int(upload["id"]))

    def upload(self, project_id: int, files: Mapping[str, tuple[bytes, str]]) -> list[dict[str, Any]]:
        """Give the server files to keep, without making tasks of them; one request, never repeated.

        Args:
            project_id: of the project.
            files: name -> bytes and content type, at most 100.

        Returns:
            as `uploads`, those of these files.
        """
        from label_studio_sdk.core.api_error import ApiError

        action = f"upload {len(files)} pictures"
        with self._translated(action):
            reply = self._sdk._client_wrapper.httpx_client.request(
                f"api/projects/{project_id}/import",
                method="POST",
                params={"commit_to_project": "false"},
                files={name: (name, *content) for name, content in files.items()},
                data={},
                request_options=LONG,
            )
            if reply.status_code >= 400:
                raise ApiError(status_code=reply.status_code, body=reply.text)
            ids = json.dumps(reply.json()["file_upload_ids"])
        return list(self.request(action, "GET", f"api/projects/{project_id}/file-uploads", params={"ids": ids}))

    def find_tasks(self, project_id: int, hint_ids: Sequence[str]) -> list[TaskRef]:
        """The tasks of these hands, by id; more than one for a hand that was imported twice."""
        found: list[TaskRef] = []
        for chunk in _chunks(hint_ids):
            item = {"filter": "filter:tasks:data.hint_id", "operator": "in_list", "type": "String", "value": chunk}
            found += self._pages(project_id, {"filters": {"conjunction": "and", "items": [item]}})
        return sorted(found, key=lambda task: task.id)

    def list_tasks(self, project_id: int) -> list[TaskRef]:
        """All tasks, by id."""
        return sorted(self._pages(project_id, {}), key=lambda task: task.id)

    def _pages(self, project_id: int, query: dict[str, Any]) -> list[TaskRef]:
        fields = "id,data,total_annotations,cancelled_annotations"
        text, found, page = json.dumps(query | {"ordering": ["tasks:id"]}), [], 1
        with self._translated("list tasks"):
            while True:
                reply = self._sdk.tasks.list(
                    project=project_id, fields="task_only", include=fields, page=page, page_size=_PAGE, query=text
                )
                found += [_task_ref(task) for task in reply.items or []]
                if len(reply.items or []) < _PAGE or page * _PAGE >= int(reply.response.total):
                    return found
                page += 1

    def import_tasks(self, project_id: int, tasks: Sequence[Mapping[str, Any]]) -> None:
        """Add tasks with their predictions: one request, one transaction, never repeated.

        Raises:
            ServerError: also when the server took another number than was sent.
        """
        # As text of our own: the SDK's encoder takes as long as the server does.
        reply = self.send_text(
            f"import {len(tasks)} tasks",
            f"api/projects/{project_id}/import",
            orjson.dumps(list(tasks)),
            params={"return_task_ids": "true"},
        )
        taken = len(reply.get("task_ids") or [])
        if taken != len(tasks):
            raise ServerError(f"took {taken} of {len(tasks)} tasks", where=self.url, next_step="push again")

    def get_task(self, task_id: int) -> dict[str, Any]:
        """A task with data, predictions, annotations and `draft_exists`."""
        with self._translated(f"show task {task_id}"):
            task: dict[str, Any] = self._sdk.tasks.get(task_id).model_dump(mode="json")
        return task

    def set_data(self, task_id: int, data: Mapping[str, Any]) -> None:
        """Replace a task's data."""
        with self._translated(f"change task {task_id}"):
            self._sdk.tasks.update(task_id, data=dict(data))

    def set_predictions(
        self, project_id: int, task: Mapping[str, Any], predictions: Sequence[Mapping[str, Any]]
    ) -> None:
        """Make these a task's only predictions, changing those that are there (annotations refer to their ids)."""
        there = [int(prediction["id"]) for prediction in task.get("predictions") or []]
        with self._translated(f"change the prediction of task {task['id']}"):
            for k, wanted in enumerate(predictions):
                fields = {"score": None} | dict(wanted) | {"task": task["id"], "project": project_id}
                if k < len(there):
                    self._sdk.predictions.update(there[k], **fields)
                else:
                    self._sdk.predictions.create(**fields)
            for surplus in there[len(predictions) :]:
                self._sdk.predictions.delete(surplus)

    def delete_task(self, task_id: int) -> None:
        """Delete a task."""
        with self._translated(f"delete task {task_id}"):
            self._sdk.tasks.delete(str(task_id))

    def project_facts(self, project_id: int) -> dict[str, Any]:
        """All that the server says of a project, e.g. `task_number` and `created_at`."""
        return dict(self.request("show the project", "GET", f"api/projects/{project_id}"))

    def ensure_user(self, email: str) -> int:
        """Id of the user with this address, made without a password if there is none."""
        with self._translated(f"find the user {email}"):
            for user in self._sdk.users.list():
                if user.email == email:
                    return int(user.id)
            return int(self._sdk.users.create(email=email, username=email.split("@")[0]).id)

    def create_annotation(
        self,
        task_id: int,
        result: Sequence[Mapping[str, Any]],
        *,
        user_id: int,
        seconds: float,
        parent_prediction: int | None,
        cancelled: bool = False,
    ) -> int:
        """Submit (or skip) a task in the name of a user, as the editor does."""
        parent = {} if parent_prediction is None else {"parent_prediction": parent_prediction}
        with self._translated(f"annotate task {task_id}"):
            reply = self._sdk.annotations.create(
                task_id,
                result=[dict(region) for region in result],
                completed_by=user_id,
                lead_time=seconds,
                was_cancelled=cancelled,
                **parent,
            )
        return int(reply.id)


def _project(project: Any) -> Project:
    return Project(
        int(project.id), str(project.title), str(project.model_version or ""), str(project.label_config or "")
    )


def _task_ref(task: Any) -> TaskRef:
    data = task.data if isinstance(task.data, dict) else {}
    done = (task.total_annotations or 0) + (task.cancelled_annotations or 0)
    return TaskRef(int(task.id), str(data.get("hint_id") or ""), str(data.get("key") or ""), done > 0)


def _chunks(ids: Sequence[str]) -> Iterator[list[str]]:
    """The ids in portions that fit into a URL and on one page."""
    chunk: list[str] = []
    size = 0
    for hint_id in ids:
        cost = len(quote(hint_id)) + 12
        if chunk and (size + cost > _QUERY_CHARACTERS or len(chunk) >= _PAGE):
            yield chunk
            chunk, size = [], 0
        chunk.append(hint_id)
        size += cost
    if chunk:
        yield chunk
