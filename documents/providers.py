"""What the code of each provider says of it, read without running it."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from tests.architecture.checks.literals import Literals
from tests.architecture.checks.registry import PROVIDERS, display_names, registered
from tests.architecture.checks.source import Module, assigned, called, calls, imports, keyword, modules, strings
from tests.architecture.checks.texts import lookup

REASONS = ("reason", "offline_reason", "errors")
CONTROLS = frozenset({"Switch", "Number", "Press"})
# A word of ours that a camera's own answer may hold too.
NO_REASON = frozenset({"unknown"})


@dataclass(frozen=True)
class Source:
    """The modules of one provider, and what they say."""

    root: Path
    key: str

    @property
    def name(self) -> str:
        """Return how users call it."""
        return display_names(self.root)[self.key]

    @property
    def page(self) -> Path:
        """Return its page of the documentation."""
        return Path(f"docs/providers/{self.key}.md")

    @cached_property
    def modules(self) -> list[Module]:
        """Return its modules."""
        return modules(self.root, PROVIDERS / self.key)

    @cached_property
    def words(self) -> set[str]:
        """Return all its string literals."""
        return {text for module in self.modules for text in strings(module)}

    @cached_property
    def camera(self) -> set[str]:
        """Return the fields that its cameras fill."""
        return self._given("Camera")

    @cached_property
    def health(self) -> set[str]:
        """Return the measures that its cameras, or what stands before them, report."""
        return self._given("Health")

    def _given(self, maker: str) -> set[str]:
        found = (node for module in self.modules for node in calls(module) if called(node) == maker)
        return {str(item.arg) for node in found for item in node.keywords}

    @cached_property
    def kinds(self) -> set[str]:
        """Return the kinds of events that it names."""
        return {
            node.attr.lower()
            for module in self.modules
            for node in ast.walk(module.tree)
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "EventKind"
        }

    def _of_spec(self, name: str) -> ast.expr | None:
        found = (node for module in self.modules for node in calls(module) if called(node) == "ProviderSpec")
        return next((value for node in found if (value := keyword(node, name))), None)

    @cached_property
    def in_the_cloud(self) -> bool:
        """Return whether it speaks to a service of the maker's."""
        return self._of_spec("cloud") is not None

    @cached_property
    def discovered(self) -> bool:
        """Return whether its devices are found on the network."""
        return self._of_spec("discover") is not None

    @property
    def options(self) -> list[str]:
        """Return the labels of the settings that only it has."""
        if self._of_spec("options") is None:
            return []
        known: dict[str, str] = lookup(self.root, "options.step.provider.data")
        return [words for key, words in known.items() if key in self.words]

    @cached_property
    def controls(self) -> list[str]:
        """Return the names of what can be switched, set or pressed."""
        if "controls" not in self.camera:
            return []
        made = set(self._control_keys())
        return [
            entity["name"]
            for kind in ("switch", "number")
            for slug, entity in lookup(self.root, f"entity.{kind}").items()
            # Those with a name of the device's own in theirs are of something beside the camera.
            if slug in made and "{" not in entity["name"]
        ]

    def _control_keys(self) -> Iterator[str]:
        """Yield the keys of controls; where one comes out of a table, all words may be one."""
        every = modules(self.root)
        for module in self.modules:
            literals = Literals(module, every)
            for node in calls(module):
                if called(node) in CONTROLS and (key := keyword(node, "key")):
                    yield from literals.strings(key) or self.words

    @cached_property
    def reasons(self) -> set[str]:
        """Return the slugs of all that it may say went wrong, the kernel's that it uses among them."""
        known = set(lookup(self.root, "exceptions")) | set(lookup(self.root, "config.error"))
        return ((self.words - NO_REASON) | self._raised() | self._of_kernel()) & known

    @property
    def repairs(self) -> set[str]:
        """Return the slugs of the repairs that it may raise."""
        return self.words & set(lookup(self.root, "issues"))

    def _raised(self) -> set[str]:
        """Return what its calls give as reason, or leave to the kind of error."""
        usual, found = _usual(self.root), modules(self.root)
        said: set[str] = set()
        for module in self.modules:
            literals = Literals(module, found)
            # Raised as they are, or out of a table.
            named = {node.id for node in ast.walk(module.tree) if isinstance(node, ast.Name)}
            said.update(usual[name] for name in named & set(usual))
            for node in calls(module):
                given = [value for name in REASONS if (value := keyword(node, name))]
                said.update(text for value in given for text in literals.strings(value))
        return said

    def _of_kernel(self) -> set[str]:
        """Return the reasons of the modules of the kernel that it imports, and of those that they import."""
        every = {module.name: module for module in modules(self.root)}
        waiting, seen, said = list(self.modules), set[str](), set[str]()
        while waiting:
            module = waiting.pop()
            for wanted in imports(module, frozenset(every)):
                if ".kernel." in wanted.target and wanted.target in every and wanted.target not in seen:
                    seen.add(wanted.target)
                    waiting.append(every[wanted.target])
        for name in seen:
            literals = Literals(every[name], list(every.values()))
            given = (keyword(node, "reason") for node in calls(every[name]))
            said.update(text for value in given if value for text in literals.strings(value))
        return said


def _usual(root: Path) -> dict[str, str]:
    """Return the reason that each kind of error has where none is given."""
    return {
        kind.name: str(ast.literal_eval(given[1]))
        for module in modules(root)
        if module.name.endswith(".kernel.errors")
        for kind in module.tree.body
        if isinstance(kind, ast.ClassDef)
        for statement in kind.body
        if (given := assigned(statement)) and given[0] == "default_reason"
    }


@cache
def source(root: Path, key: str) -> Source:
    """Return one provider, read once."""
    return Source(root, key)


def sources(root: Path) -> list[Source]:
    """Return all providers, in the order of the registry."""
    return [source(root, key) for key in registered(root)]
