"""A GraceDB in memory: as much of it as gracedb-sdk's own tests ask for."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from email import message_from_bytes
from typing import Any
from urllib.parse import parse_qs

import httpx

Fields = dict[str, list[Any]]
KINDS = {"EW": "EarlyWarning"}
# Where events and superevents differ.
NAMES = {"events": ("log", "tag", "voevent"), "superevents": ("logs", "tags", "voevents")}


@dataclass
class Candidate:
    """An event or a superevent, and what belongs to it."""

    identity: str
    shown: dict[str, Any]
    files: dict[str, bytes] = field(default_factory=dict)
    logs: list[dict[str, Any]] = field(default_factory=list)
    voevents: list[dict[str, Any]] = field(default_factory=list)
    preferred: dict[str, str] = field(default_factory=dict)  # an event for each pipeline
    is_exposed: bool = False

    @property
    def labels(self) -> list[str]:
        """The names of its labels."""
        labels: list[str] = self.shown["labels"]
        return labels

    def write_log(self, fields: Fields, name: str = "", content: bytes = b"") -> dict[str, Any]:
        """Write a log message, maybe with a file."""
        self.logs.append({"filename": name, "tag_names": fields.get("tagname", [])})
        self.labels.extend(fields.get("label", []))
        if name:
            self.files[name] = content
        return self.logs[-1]

    def change(self, fields: Fields) -> None:
        """Change what a superevent is shown as."""
        for name in ("t_start", "t_0", "t_end"):
            if name in fields:
                self.shown[name] = round(fields[name][0], 6)
        if "preferred_event" in fields:
            self.shown["preferred_event"] = fields["preferred_event"][0]


class FakeGraceDB:
    """Answers requests; what it has not learnt is answered with 404."""

    def __init__(self) -> None:
        self._candidates: dict[str, Candidate] = {}

    def __call__(self, request: httpx.Request) -> httpx.Response:
        fields = read_fields(request)
        kind, *rest = request.url.path.removeprefix("/api/").split("/")
        if len(rest) > 1 or rest[0]:
            candidate = self._candidates[rest[0]]
            answer = self._answer_below(candidate, kind, fields, request.method, *rest[1:])
        else:
            answer = self._answer_above(kind, fields, request)
        if isinstance(answer, httpx.Response):
            return answer
        return httpx.Response(204) if answer is None else httpx.Response(200, json=answer)

    def _answer_above(self, kind: str, fields: Fields, request: httpx.Request) -> Any:
        if request.method == "GET":
            wanted = request.url.params["query"].split()[0]
            found = [c.shown for name, c in self._candidates.items() if name == wanted]
            return {kind: found, "links": {"next": None}}
        identity = f"{'G' if kind == 'events' else 'S'}{len(self._candidates) + 1:04}"
        candidate = Candidate(identity, {"labels": fields.get("labels", [])})
        self._candidates[identity] = candidate
        if kind == "events":
            candidate.shown.update(graceid=identity, pipeline=fields["pipeline"][0])
            candidate.write_log({}, *fields["eventFile"][0])
        else:
            candidate.shown.update(superevent_id=identity, gw_events=[*fields["preferred_event"]])
            candidate.change(fields)
        return candidate.shown

    def _answer_below(self, candidate: Candidate, kind: str, fields: Fields, *wanted: str) -> Any:
        log, tag, voevent = NAMES[kind]
        has_names = kind == "superevents"  # their labels and tags are in a form
        match wanted:
            case ("GET",) if kind == "events":
                return candidate.shown
            case ("GET", "") if kind == "superevents":
                return candidate.shown
            case ("PUT",) if kind == "events":
                candidate.write_log({}, *fields["eventFile"][0])
            case "PATCH", "":
                candidate.change(fields)
            case "POST", "events", "":
                candidate.shown["gw_events"] += fields["event"]
            case "DELETE", "events", event:
                candidate.shown["gw_events"].remove(event)
            case "GET", "files", "":
                return dict.fromkeys(candidate.files, "its URL")
            case "GET", "files", name:
                return httpx.Response(200, content=candidate.files[name])
            case "GET", "labels", "":
                return {"labels": [{"name": name} for name in candidate.labels]}
            case "PUT", "labels", name if not has_names:
                candidate.labels.append(name)
            case "POST", "labels", "" if has_names:
                candidate.labels.extend(fields["name"])
                return {}
            case "DELETE", "labels", name:
                candidate.labels.remove(name)
            case "GET", name, "" if name == log:
                return {"log": candidate.logs}
            case "POST", name, "" if name == log:
                return candidate.write_log(fields, *fields.get("upload", [()])[0])
            case method, name, number, below, last if (name, below) == (log, tag):
                tags = candidate.logs[int(number) - 1]["tag_names"]
                return change_tags(tags, fields if has_names else {"name": [last]}, method, last)
            case "GET", name, "" if name == voevent:
                return {"voevents": candidate.voevents}
            case "POST", name, "" if name == voevent:
                number = len(candidate.voevents) + 1
                file = f"{candidate.identity}-{number}-{KINDS[fields['voevent_type'][0]]}.xml"
                candidate.voevents.append({"filename": file})
                return candidate.voevents[-1]
            case "GET", "permissions", "":
                row = {"group": "public_users", "permission": "view_superevent"}
                return {"permissions": [row] if candidate.is_exposed else []}
            case "POST", "permissions", "modify", "":
                candidate.is_exposed = fields["action"] == ["expose"]
            case "POST", "signoffs", "" if fields["signoff_type"] == ["OP"]:
                return httpx.Response(403, json={"detail": "only for operators"})
            case "POST", "signoffs", "":
                candidate.labels.append(fields["signoff_type"][0] + fields["status"][0])
            case "GET", "pipeline_preferred_events", "":
                rows = [{"graceid": event} for event in candidate.preferred.values()]
                return {"pipeline_preferred_events": rows}
            case method, "pipeline_preferred_events", last:
                event = last or fields["event"][0]
                pipeline = self._candidates[event].shown["pipeline"]
                return change_preferred(candidate, pipeline, event, is_wanted=method == "POST")
            case _:
                return httpx.Response(404, json={"detail": "Not found."})
        return None


def change_tags(tags: list[str], fields: Fields, method: str, last: str) -> Any:
    """Show, add or remove the tags of a log message."""
    if method == "GET":
        return {"tags": [{"name": name} for name in tags]}
    if method == "DELETE":
        tags.remove(last)
        return None
    tags += fields["name"]
    return {}


def change_preferred(
    candidate: Candidate, pipeline: str, event: str, *, is_wanted: bool
) -> httpx.Response:
    """Make an event the one that its pipeline prefers, or one that it does not."""
    is_preferred = candidate.preferred.get(pipeline) == event
    if is_wanted and is_preferred:
        what = f"the {pipeline} pipeline-preferred event for {candidate.identity}"
        return httpx.Response(400, json=f"Event {event} is already {what}")
    if not is_wanted and not is_preferred:
        return httpx.Response(404, json={"detail": "Not found."})
    if is_wanted:
        candidate.preferred[pipeline] = event
    else:
        del candidate.preferred[pipeline]
    return httpx.Response(204)


def read_fields(request: httpx.Request) -> Fields:
    """Return the fields of a body, each with its values; a file is its name and its content."""
    kind = request.headers.get("Content-Type", "")
    if kind == "application/json":
        items = json.loads(request.content).items()
        return {name: value if isinstance(value, list) else [value] for name, value in items}
    if not kind.startswith("multipart/"):
        return dict(parse_qs(request.content.decode()))
    message = message_from_bytes(f"Content-Type: {kind}\r\n\r\n".encode() + request.content)
    fields: Fields = {}
    parts: Any = message.get_payload()
    for part in parts:
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        value = (part.get_filename(), content) if part.get_filename() else content.decode()
        fields.setdefault(name, []).append(value)
    return fields
