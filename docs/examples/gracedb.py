"""GraceDB, the database of gravitational-wave candidates, declared on the engine.

Read it from the top to the bottom as a description of that API: a class is a piece of its URLs,
a decorated method a request. An event and a superevent have much in common; that is declared
once, and what each has of its own follows. Where a call takes further keywords, they are sent as
they are, since the server takes more fields than are written down here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeAlias, TypedDict, Unpack, cast, get_args

from grad300_sdk.engine import (
    Async,
    ClientOptions,
    CredentialChain,
    FileContent,
    Flow,
    ItemsFlow,
    M,
    Node,
    Root,
    Sender,
    Sync,
    child,
    drop_none,
    endpoint,
    iterator,
)

JSON: TypeAlias = dict[str, Any]
Names: TypeAlias = str | Iterable[str] | None  # one and several serve alike

VOEventType: TypeAlias = Literal["earlywarning", "preliminary", "retraction", "update", "initial"]
CODES = dict(zip(get_args(VOEventType), ("EW", "PR", "RE", "UP", "IN"), strict=True))
CATEGORIES = {"M": "M", "T": "T", "G": "P"}  # of a superevent, by the letter of its event


class Graceid(TypedDict):
    """What matters of a row that names an event."""

    graceid: str


# How arguments become what is sent


def listed(names: Names) -> list[str]:
    """Return a list of one name, of several, or of none."""
    several = [names] if isinstance(names, str) else list(names or ())
    if not all(isinstance(name, str) for name in several):
        raise TypeError(f"{names!r} is neither a name nor names")
    return several


def form(**fields: Any) -> JSON:
    """Return the fields of a form; the server knows ``True`` and ``False``, not ``true``."""
    return {k: str(v) if isinstance(v, bool) else v for k, v in drop_none(**fields).items()}


def code(parameter: str, value: str, codes: Mapping[str, str]) -> str:
    """Return what the server calls a value."""
    if value not in codes:
        raise ValueError(f"{parameter} is {value!r}, where one of {', '.join(codes)} is needed")
    return codes[value]


def upload(field: str, filename: str | None, contents: FileContent | None) -> dict[str, Any]:
    """Return the field of a file; without contents, they are those of the file of that name."""
    if filename is None:
        return {field: contents}
    return {field: (Path(filename).name, Path(filename) if contents is None else contents)}


def superevent(
    preferred_event: str | None = None, events: Names = None, labels: Names = None, **fields: Any
) -> JSON:
    """Return what is sent of a superevent; its category follows from its preferred event."""
    if preferred_event is not None:
        category = code("the letter of preferred_event", str(preferred_event)[:1], CATEGORIES)
        fields = {"preferred_event": preferred_event, "category": category, **fields}
    return drop_none(events=listed(events) or None, labels=listed(labels) or None, **fields)


def event(
    filename: str = "initial.data",
    filecontents: FileContent | None = None,
    labels: Names = None,
    **fields: Any,
) -> JSON:
    """Return the body that describes an event: its fields, and its file."""
    data = {**form(**fields), "labels": listed(labels)}
    return {"data": data, "files": upload("eventFile", filename, filecontents)}


# What events and superevents have in common


class Candidates(Node[M]):
    """All events, or all superevents."""

    _key: ClassVar[str]

    @endpoint("GET")
    def get(self, send: Sender) -> Flow[JSON]:
        """Get the first page of them."""
        return send.json(JSON)

    @iterator("GET")
    def search(
        self, send: Sender, /, *, query: str | None = None, sort: str | None = None, **more: Any
    ) -> ItemsFlow[JSON]:
        """Iterate over those that a query finds."""
        params = form(query=query, sort=sort, **more)
        return send.pages(JSON, key=self._key, link="links.next", params=params)


class File(Node[M], template="{+parent}{name}"):
    """One file."""

    name: str

    @endpoint("GET")
    def get(self, send: Sender) -> Flow[bytes]:
        """Get the bytes of the file."""
        return send.content()


class Files(Node[M], template="{+parent}/files/"):
    """The files."""

    @endpoint("GET")
    def get(self, send: Sender) -> Flow[JSON]:
        """Get the URL of each file, by its name."""
        return send.json(JSON)

    def __getitem__(self, name: str) -> File[M]:
        return File(self, name=name)


class Marks(Node[M]):
    """The labels, or the tags, that something has."""

    _key: ClassVar[str]

    @endpoint("GET")
    def get(self, send: Sender) -> Flow[list[Any]]:
        """Get all of them."""
        return send.json(list[Any], key=self._key)

    @endpoint("DELETE", "{name}")
    def delete(self, send: Sender, name: str) -> Flow[None]:
        """Take one away."""
        return send()


class PutMarks(Marks[M]):
    """Labels, or tags, of an event."""

    @endpoint("PUT", "{name}")
    def create(self, send: Sender, name: str) -> Flow[None]:
        """Add one."""
        return send()


class PostedMarks(Marks[M]):
    """Labels, or tags, of a superevent."""

    @endpoint("POST")
    def create(self, send: Sender, name: str) -> Flow[JSON]:
        """Add one."""
        return send.json(JSON, data={"name": name})


class Log(Node[M], template="{+parent}{number}"):
    """One log message."""

    number: int


class Logs(Node[M]):
    """The log messages."""

    @endpoint("GET")
    def get(self, send: Sender) -> Flow[list[Any]]:
        """Get the log messages."""
        return send.json(list[Any], key="log")

    @endpoint("POST")
    def create(
        self,
        send: Sender,
        *,
        comment: str | None = None,
        filename: str | None = None,
        filecontents: FileContent | None = None,
        tags: Names = None,
        label: str | None = None,
    ) -> Flow[JSON]:
        """Write a log message, maybe with a file."""
        fields = drop_none(comment=comment, tagname=listed(tags), label=label)
        if filename is None and filecontents is None:  # the server takes no form without a file
            return send.json(JSON, json=fields)
        files = upload("upload", filename, filecontents)
        return send.json(JSON, data=fields, files=files)


class VOEvents(Node[M]):
    """The VOEvents."""

    @endpoint("GET")
    def get(self, send: Sender) -> Flow[list[Any]]:
        """Get the VOEvents."""
        return send.json(list[Any], key="voevents")

    @endpoint("POST")
    def create(
        self,
        send: Sender,
        /,
        *,
        voevent_type: VOEventType,
        coinc_comment: bool | None = None,
        **more: Any,
    ) -> Flow[JSON]:
        """Make a VOEvent.

        Further fields are ``internal``, ``open_alert``, ``hardware_inj``, ``skymap_type``,
        ``skymap_filename``, ``ProbHasNS``, ``ProbHasRemnant``, ``BNS``, ``NSBH``, ``BBH``,
        ``Terrestrial`` and ``MassGap``.
        """
        kind = code("voevent_type", voevent_type, CODES)
        data = {"voevent_type": kind, "CoincComment": coinc_comment, **more}
        return send.json(JSON, data=form(**data))


# Events: log/, tag/, voevent/


class EventLabels(PutMarks[M], template="{+parent}/labels/"):
    """The labels of an event."""

    _key = "labels"


class EventTags(PutMarks[M], template="{+parent}/tag/"):
    """The tags of a log message of an event."""

    _key = "tags"


class EventLog(Log[M]):
    """A log message of an event."""

    tags = child(EventTags[M])


class EventLogs(Logs[M], template="{+parent}/log/"):
    """The log messages of an event."""

    def __getitem__(self, number: int) -> EventLog[M]:
        return EventLog(self, number=number)


class EventVOEvents(VOEvents[M], template="{+parent}/voevent/"):
    """The VOEvents of an event."""


class Event(Node[M], template="{+parent}{event_id}"):
    """One event."""

    event_id: str

    @endpoint("GET")
    def get(self, send: Sender) -> Flow[JSON]:
        """Get what is known of the event."""
        return send.json(JSON)

    files = child(Files[M])
    labels = child(EventLabels[M])
    logs = child(EventLogs[M])
    voevents = child(EventVOEvents[M])


class Events(Candidates[M], template="{+parent}/events/"):
    """All events; ``events["S..."]`` gives the superevent."""

    _key = "events"

    def __getitem__(self, event_id: str) -> Event[M]:
        if "S" in str(event_id):  # a type checker goes by the collection
            return cast("Event[M]", Superevents(self.client)[event_id])
        return Event(self, event_id=event_id)

    @endpoint("POST")
    def create(
        self,
        send: Sender,
        /,
        *,
        filename: str = "initial.data",
        filecontents: FileContent | None = None,
        group: str,
        pipeline: str,
        search: str | None = None,
        labels: Names = None,
        offline: bool | None = None,
        **more: Any,
    ) -> Flow[JSON]:
        """Upload an event."""
        fields = {"group": group, "pipeline": pipeline, "search": search, "offline": offline}
        return send.json(JSON, **event(filename, filecontents, labels, **fields, **more))

    @endpoint("PUT", "{event_id}")
    def update(self, send: Sender, /, event_id: str, **fields: Any) -> Flow[None]:
        """Upload another file for an event; takes the keywords of `create`."""
        return send(**event(**fields))


# Superevents: logs/, tags/, voevents/


class SupereventLabels(PostedMarks[M], template="{+parent}/labels/"):
    """The labels of a superevent."""

    _key = "labels"


class SupereventTags(PostedMarks[M], template="{+parent}/tags/"):
    """The tags of a log message of a superevent."""

    _key = "tags"


class SupereventLog(Log[M]):
    """A log message of a superevent."""

    tags = child(SupereventTags[M])


class SupereventLogs(Logs[M], template="{+parent}/logs/"):
    """The log messages of a superevent."""

    def __getitem__(self, number: int) -> SupereventLog[M]:
        return SupereventLog(self, number=number)


class SupereventVOEvents(VOEvents[M], template="{+parent}/voevents/"):
    """The VOEvents of a superevent."""


class PipelinePreferredEvents(Node[M], template="{+parent}/pipeline_preferred_events/"):
    """The event that each pipeline prefers."""

    @endpoint("GET")
    def get(self, send: Sender) -> Flow[list[str]]:
        """Get the ids of the events."""
        rows = yield from send.json(list[Graceid], key="pipeline_preferred_events")
        return [row["graceid"] for row in rows]

    @endpoint("POST")
    def add(self, send: Sender, event: str) -> Flow[None]:
        """Make an event the one that its pipeline prefers."""
        return send(json={"event": event})

    @endpoint("DELETE", "{event}")
    def remove(self, send: Sender, event: str) -> Flow[None]:
        """Make an event one that its pipeline does not prefer."""
        return send()

    @endpoint("DELETE", "{event}")
    def delete(self, send: Sender, event: str) -> Flow[None]:
        """Do the same as `remove`."""
        return send()


class Superevent(Node[M], template="{+parent}{superevent_id}"):
    """One superevent."""

    superevent_id: str

    @endpoint("GET", "/")
    def get(self, send: Sender) -> Flow[JSON]:
        """Get what is known of the superevent."""
        return send.json(JSON)

    @endpoint("POST", "/events/")
    def add(self, send: Sender, event: str) -> Flow[None]:
        """Add an event."""
        return send(data={"event": event})

    @endpoint("DELETE", "/events/{event}")
    def remove(self, send: Sender, event: str) -> Flow[None]:
        """Remove an event."""
        return send()

    @endpoint("GET", "/permissions/")
    def is_exposed(self, send: Sender) -> Flow[bool]:
        """Return whether the public may see the superevent."""
        public = {"group": "public_users", "permission": "view_superevent"}
        rows = yield from send.json(list[JSON], key="permissions")
        return any(public.items() <= row.items() for row in rows)

    @endpoint("POST", "/permissions/modify/")
    def expose(self, send: Sender) -> Flow[None]:
        """Show the superevent to the public."""
        return send(data={"action": "expose"})

    @endpoint("POST", "/permissions/modify/")
    def unexpose(self, send: Sender) -> Flow[None]:
        """Hide the superevent from the public."""
        return send(data={"action": "hide"})

    @endpoint("POST", "/signoffs/")
    def signoff(self, send: Sender, who: str, status: str, comment: str = "") -> Flow[None]:
        """Sign off, for an instrument's operator or as an advocate."""
        instrument = who if who in ("H1", "L1", "V1") else ""
        kind = "OP" if instrument else who
        fields = {"signoff_type": kind, "instrument": instrument}
        return send(data={**fields, "status": status, "comment": comment})

    files = child(Files[M])
    labels = child(SupereventLabels[M])
    logs = child(SupereventLogs[M])
    voevents = child(SupereventVOEvents[M])
    pipeline_preferred_events = child(PipelinePreferredEvents[M])


class Superevents(Candidates[M], template="{+parent}/superevents/"):
    """All superevents; ``superevents["G..."]`` gives the event."""

    _key = "superevents"

    def __getitem__(self, superevent_id: str) -> Superevent[M]:
        if "S" not in str(superevent_id):
            return cast("Superevent[M]", Events(self.client)[superevent_id])
        return Superevent(self, superevent_id=superevent_id)

    @endpoint("POST")
    def create(
        self,
        send: Sender,
        /,
        *,
        t_start: float | None = None,
        t_0: float | None = None,
        t_end: float | None = None,
        preferred_event: str | None = None,
        events: Names = None,
        labels: Names = None,
        **more: Any,
    ) -> Flow[JSON]:
        """Make a superevent."""
        times = {"t_start": t_start, "t_0": t_0, "t_end": t_end}
        fields = superevent(preferred_event, events, labels, **times, **more)
        return send.json(JSON, json=fields)

    @endpoint("PATCH", "{superevent_id}/")
    def update(self, send: Sender, /, superevent_id: str, **fields: Any) -> Flow[None]:
        """Change a superevent; takes the keywords of `create`."""
        return send(json=superevent(**fields))


# The clients


class Database(Root[M]):
    """The whole of GraceDB."""

    def __init__(
        self,
        url: str = "https://gracedb.ligo.org/api/",
        *,
        token: str | Path | None = None,
        username: str | None = None,
        password: str | None = None,
        force_noauth: bool = False,
        fail_if_noauth: bool = False,
        auth_reload: bool = False,
        auth_reload_timeout: float = 300,
        **options: Unpack[ClientOptions],
    ) -> None:
        chain = CredentialChain(
            token_file=token,
            user=username,
            password=password,
            force_noauth=force_noauth,
            fail_if_noauth=fail_if_noauth,
            auth_reload=auth_reload,
            auth_reload_timeout=auth_reload_timeout,
        )
        super().__init__(url, user_agent="gracedb-example/1.0", credential_chain=chain, **options)

    @endpoint("GET", "/user-info/")
    def user_info(self, send: Sender) -> Flow[JSON]:
        """Get who is asking."""
        return send.json(JSON)

    events = child(Events[M])
    superevents = child(Superevents[M])


class GraceDB(Database[Sync]):
    """A blocking client of GraceDB.

    Parameters
    ----------
    url : str
        The URL of the API.
    token : str or Path, optional
        A file that holds a bearer token.
    username, password : str, optional
        An account, for HTTP basic authentication.
    force_noauth, fail_if_noauth, auth_reload, auth_reload_timeout
        As for `CredentialChain`.
    **options
        As for `Root`: ``timeout``, ``retries`` and others.
    """


class AsyncGraceDB(Database[Async]):
    """An asynchronous client of GraceDB, with the parameters of `GraceDB`."""
