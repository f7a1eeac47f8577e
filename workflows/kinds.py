"""What a kind of job is, and the table of all kinds of a process. The rows are in `registry.py`."""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, replace
from importlib.metadata import entry_points
from typing import Any, TypeVar

from temporalio import activity, workflow

from domain.errors import NamedError
from domain.policies import Policy
from domain.requests import JobRequest, kind_name

T = TypeVar("T")

ENTRY_POINTS = "durable_jobs.kinds"
"""Entry point group by which another package registers its kinds."""


class RegistryError(NamedError, type_name="RegistryError"):
    """A row of the registry contradicts itself or another row."""


def add_installed(*, group: str, row: type[T], add: Callable[[T], object], error: type[NamedError]) -> None:
    """Add the rows of installed packages: the objects, or lists of them, that a group of entry points names.

    Raises `error`, which names the entry point, if one of them cannot be used.
    """
    for point in entry_points(group=group):
        where = f"entry point {point.name} = {point.value}" + (f" of {point.dist.name}" if point.dist else "")
        try:
            loaded = point.load()
            for each in loaded if isinstance(loaded, Iterable) else [loaded]:
                if not isinstance(each, row):
                    raise error(f"it is no {row.__name__}")  # noqa: TRY301  # named just below
                add(each)
        except Exception as exc:  # whatever the other package does when it is imported
            raise error(f"{where}: {type(exc).__name__}: {exc}") from exc


@dataclass(frozen=True)
class Kind:
    """One kind of job."""

    request: type[JobRequest]
    workflow: type
    activities: type
    """Class whose constructor takes ports, told by their types, and whose methods are the steps."""
    queue: str
    policy: Policy
    restart_after_failure: bool = False
    """An ordinary start runs a failed job anew (where the user can ask again)."""
    aliases: tuple[str, ...] = ()
    """Names that the kind had before: `("order-mail",)`. What is started by one of them, or still runs under its
    workflow's name of then, is of this kind."""
    ports: Callable[[], Mapping[type, object]] | None = None
    """Makes adapters for ports that `job_worker` was not given; for kinds of other packages."""

    @property
    def name(self) -> str:
        """The kind on the wire: `order-confirmation`."""
        return self.request.kind

    @property
    def workflow_type(self) -> str:
        """The workflow's name on the wire: `OrderConfirmation`."""
        name = workflow._Definition.must_from_class(self.workflow).name
        if name is None:
            raise RegistryError(f"{self.workflow.__name__}: a dynamic workflow is no kind of job")
        return name

    @property
    def workflow_types(self) -> tuple[str, ...]:
        """The workflow's name on the wire, and those it had before."""
        return (self.workflow_type, *map(_noun, self.aliases))

    def workflows(self) -> list[type]:
        """The workflow's class under each of its names."""
        return [self.workflow, *(_known_as(self.workflow, _noun(alias)) for alias in self.aliases)]

    def ports_asked(self) -> dict[str, type]:
        """Parameter of the activities class's constructor → port that it asks for."""
        init = self.activities.__init__  # type: ignore[misc]  # of the class itself, to read what it asks for
        if init is object.__init__:
            return {}
        return {name: port for name, port in typing.get_type_hints(init).items() if name != "return"}

    def steps(self) -> dict[str, Callable[..., Any]]:
        """Activity type → method of the activities class."""
        found: dict[str, Callable[..., Any]] = {}
        for _, method in inspect.getmembers(self.activities, inspect.isfunction):
            definition = activity._Definition.from_callable(method)
            if definition is not None and definition.name is not None:
                found[definition.name] = method
        return found


def policies_of(kinds: Iterable[Kind]) -> dict[str, Policy]:
    """Activity type → policy, for the steps of these kinds."""
    return {step: kind.policy for kind in kinds for step in kind.steps()}


class Registry:
    """All kinds of this process."""

    def __init__(self, *kinds: Kind) -> None:
        """With these rows. Raises as `register` does."""
        self._kinds: dict[str, Kind] = {}
        self._aliases: dict[str, str] = {}
        for kind in kinds:
            self.register(kind)

    def register(self, kind: Kind) -> Kind:
        """Add a row. Raises RegistryError, naming what to change, where it contradicts itself or another row."""
        name = kind.name
        if self._kinds.get(name) == kind:
            return kind
        if name in self._kinds:
            raise RegistryError(f"kind {name!r} is registered twice: rename one of the two requests")
        self._check_aliases(kind)
        if not re.fullmatch(r"[a-z][a-z0-9-]*", kind.queue):
            raise RegistryError(f"kind {name!r}: queue {kind.queue!r} is not of the form 'notifications'")
        said = kind_name(kind.workflow_type)
        if said != name:
            raise RegistryError(f"kind {name!r}: the name of its workflow, {kind.workflow_type!r}, says {said!r}")
        self._check_request(kind)
        found = kind.steps()
        if not found:
            raise RegistryError(f"kind {name!r}: {kind.activities.__name__} has no method with @activity.defn")
        prefix = name.replace("-", "_") + "."
        # A step keeps its name where its kind is renamed: histories of live runs have it.
        prefixes = (prefix, *(alias.replace("-", "_") + "." for alias in kind.aliases))
        for step in found:
            if not step.startswith(prefixes):
                raise RegistryError(f"kind {name!r}: name the activity {step!r} {prefix + step.rpartition('.')[2]!r}")
            if any(step in other.steps() for other in self._kinds.values()):
                raise RegistryError(f"kind {name!r}: a step of another kind is called {step!r}: rename one of the two")
        self._kinds[name] = kind
        for alias in kind.aliases:
            self._aliases[alias] = name
        return kind

    def _check_aliases(self, kind: Kind) -> None:
        if kind.name in self._aliases:
            owner = self._aliases[kind.name]
            raise RegistryError(
                f"kind {kind.name!r} is what {owner!r} was called before: take that alias out, or rename"
            )
        for alias in kind.aliases:
            if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", alias):
                raise RegistryError(f"kind {kind.name!r}: alias {alias!r} is not of the form 'order-mail'")
            if alias in self._kinds or self._aliases.get(alias, kind.name) != kind.name or alias == kind.name:
                raise RegistryError(f"kind {kind.name!r}: alias {alias!r} is the name of another kind, or of this one")

    @staticmethod
    def _check_request(kind: Kind) -> None:
        run = workflow._Definition.must_from_class(kind.workflow).run_fn
        hints = {k: v for k, v in typing.get_type_hints(run).items() if k != "return"}
        if list(hints.values()) != [kind.request]:
            raise RegistryError(
                f"kind {kind.name!r}: {kind.workflow.__name__}.run must take one argument, a {kind.request.__name__}"
            )

    def load_installed(self) -> None:
        """Register the kinds of installed packages (entry points of the group `durable_jobs.kinds`).

        Raises RegistryError that names the entry point where one of them cannot be used.
        """
        add_installed(group=ENTRY_POINTS, row=Kind, add=self.register, error=RegistryError)

    def __iter__(self) -> typing.Iterator[Kind]:
        return iter(sorted(self._kinds.values(), key=lambda kind: kind.name))

    def __len__(self) -> int:
        return len(self._kinds)

    def get(self, name: str) -> Kind:
        """Kind by its name, or one that it had before. Raises LookupError that names the known ones."""
        name = self._aliases.get(name, name)
        if name not in self._kinds:
            raise LookupError(f"there is no kind {name!r}; there are: {', '.join(sorted(self._kinds))}")
        return self._kinds[name]

    def name_of(self, workflow_type: str) -> str:
        """Name of the kind with this workflow, under its name on the wire or an earlier one; from that if none has."""
        name = kind_name(workflow_type)
        return self._aliases.get(name, name)

    def of(self, request: JobRequest) -> Kind:
        """Kind of a request. Raises LookupError where its kind has no row."""
        kind = self.get(request.kind)
        if not isinstance(request, kind.request):
            raise LookupError(f"{type(request).__name__} is not the request of {request.kind!r}")  # noqa: TRY004  # a kind that isn't there
        return kind

    def names(self, queues: Container[str] | None = None) -> list[str]:
        """Names of the kinds (of these queues), and those they had before, sorted."""
        chosen = [kind for kind in self if queues is None or kind.queue in queues]
        return sorted(name for kind in chosen for name in (kind.name, *kind.aliases))

    def requests(self) -> dict[str, type[JobRequest]]:
        """Each kind's request, by the kind's name and by those that it had before."""
        return {name: self.get(name).request for name in self.names()}

    def queues(self) -> list[str]:
        """Names of all task queues, sorted."""
        return sorted({kind.queue for kind in self})

    def search_attributes(self) -> list[str]:
        """Names of all search attributes that starters set, sorted."""
        return sorted({name for kind in self for name in kind.request.search_attributes().values()})


def _noun(name: str) -> str:
    """`order-mail` → `OrderMail`: a workflow's name on the wire, from its kind's."""
    return "".join(part.capitalize() for part in name.split("-"))


def _known_as(cls: type, name: str) -> type:
    """A workflow's class under another name on the wire. The sandbox finds the class itself by module and name."""
    other = type(cls.__name__, (cls,), {"__module__": cls.__module__, "__qualname__": cls.__qualname__})
    definition = replace(workflow._Definition.must_from_class(cls), name=name, cls=other)
    setattr(other, "__temporal_workflow_definition", definition)  # a name with two underscores
    return other
