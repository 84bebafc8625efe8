"""What a server has to say of a project: which tasks changed, and all that people did to them."""

import json
from collections.abc import Iterator, Sequence
from typing import Any, Final

import orjson

from hint_toolkit.errors import ServerError
from hint_toolkit.labelstudio.connection import Connection

LONG: Final = {"max_retries": 0, "timeout_in_seconds": 900}
"""For requests that grow with the project: 5,000 tasks export in 30 s on two busy cores."""
PART: Final = 500
"""Tasks an export: their ids travel in the URL, and what was read of one part is worked on while the next comes."""
_PAGE: Final = 1000
_SPARSE: Final = 3
"""Ids to try a task that is there. An id that is none costs the server nearly nothing, a part 0.1 s."""


class ExportClient(Connection):
    """The reading half of the client.

    Attributes:
        odd_numbers: whether an export had numbers that JSON has no name for (NaN).
    """

    odd_numbers = False

    def newest_change(self, project_id: int) -> str:
        """Time of the latest change of a task (ISO, as the server writes it); "" when there is no task."""
        return str(self._first(project_id, "-tasks:updated_at").get("updated_at") or "")

    def _first(self, project_id: int, order: str) -> dict[str, Any]:
        """The first task in an order, with id and time of change; empty when there is none."""
        params = {"project": project_id, "fields": "task_only", "include": "id,updated_at", "page": 1, "page_size": 1}
        query = json.dumps({"ordering": [order]})
        reply = self.request("list tasks", "GET", "api/tasks", params=params | {"query": query})
        return dict(reply["tasks"][0]) if reply["tasks"] else {}

    def task_ids(self, project_id: int, changed_since: str | None = None) -> list[int]:
        """Ids of all tasks, or of those that changed after a time (ISO, as the server writes it), ascending.

        A task changes when one of its annotations is made, edited, skipped or deleted. A list costs the server a third
        of what the export of the same tasks does.
        """
        query: dict[str, Any] = {"ordering": ["tasks:id"]}
        if changed_since is not None:
            item = {"filter": "filter:tasks:updated_at", "operator": "greater", "type": "Datetime"}
            query["filters"] = {"conjunction": "and", "items": [item | {"value": changed_since}]}
        params = {"project": project_id, "fields": "task_only", "include": "id", "query": json.dumps(query)}
        found: list[int] = []
        page = 1
        while True:
            reply = self.request("list tasks", "GET", "api/tasks", params=params | {"page": page, "page_size": _PAGE})
            found += [int(task["id"]) for task in reply["tasks"]]
            if len(found) >= int(reply["total"]) or not reply["tasks"]:
                return found
            page += 1

    def export(self, project_id: int, ids: Sequence[int] | None = None) -> list[dict[str, Any]]:
        """Tasks with all annotations, by id; `completed_by` holds id and e-mail, so that the file stands alone.

        The server can import the same list again.

        Args:
            project_id: of the project.
            ids: of the wanted tasks; None for all, in one request.
        """
        if ids is None:
            return self._named(self._download(project_id, None), {})
        tasks = [task for part in self.export_parts(project_id, ids) for task in part]
        return sorted(tasks, key=lambda task: int(task["id"]))

    def export_parts(self, project_id: int, ids: Sequence[int]) -> Iterator[list[dict[str, Any]]]:
        """As `export`, `PART` tasks at a time, as they come: no more of them need to be in memory.

        What people do between two parts may be in the second and is not in the first. A task that is not there any
        more is left out.
        """
        emails: dict[int, str] = {}
        for k in range(0, len(ids), PART):
            yield self._named(self._download(project_id, ids[k : k + PART]), emails)

    def export_all(self, project_id: int, number: int) -> Iterator[list[dict[str, Any]]]:
        """As `export_parts`, for all tasks, without a list of them.

        Tasks of a project have nearly consecutive ids, and the server passes over ids that are none of its tasks. Only
        where most are, because many projects grew side by side, all tasks come as one part.

        Args:
            project_id: of the project.
            number: of its tasks, as the project's facts say.
        """
        first, last = (int(self._first(project_id, order).get("id") or 0) for order in ("tasks:id", "-tasks:id"))
        if not first:
            return
        if last - first < _SPARSE * number:
            yield from (part for part in self.export_parts(project_id, range(first, last + 1)) if part)
        else:
            yield self.export(project_id)

    def _download(self, project_id: int, ids: Sequence[int] | None) -> list[dict[str, Any]]:
        """One request; the SDK's own `ids` is ignored by the server, which reads `ids[]`."""
        wanted = {} if ids is None else {"additional_query_parameters": {"ids[]": list(ids)}}
        with self._translated("export the project"):
            chunks = self._sdk.projects.exports.download_sync(
                project_id, export_type="JSON", download_all_tasks=True, request_options=LONG | wanted
            )
            return self._exported(b"".join(chunks))

    def _named(self, tasks: list[dict[str, Any]], emails: dict[int, str]) -> list[dict[str, Any]]:
        """The user's address belongs to the annotation: the export itself has only an id.

        Args:
            tasks: as they came; changed in place.
            emails: the addresses known; asked for again when somebody new has answered.

        Returns:
            the tasks by id.
        """
        annotations = [one for task in tasks for one in task.get("annotations") or []]
        if any(annotation.get("completed_by") not in emails for annotation in annotations):
            with self._translated("list users"):
                emails |= {int(user.id): str(user.email) for user in self._sdk.users.list()}
        for annotation in annotations:
            user = annotation.get("completed_by")
            if user in emails:
                annotation["completed_by"] = {"id": user, "email": emails[user]}
        return sorted(tasks, key=lambda task: int(task["id"]))

    def _exported(self, text: bytes) -> list[dict[str, Any]]:
        try:
            tasks: list[dict[str, Any]] = self._parsed(text)
            for task in tasks:
                int(task["id"])
        except (ValueError, TypeError, KeyError) as error:
            raise ServerError("sent an export that is no list of tasks", where=self.url, why=str(error)) from error
        return tasks

    def _parsed(self, text: bytes) -> Any:
        """JSON; also with numbers that JSON has no name for, as the server may send them."""
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError:
            self.odd_numbers = True
            return json.loads(text)
