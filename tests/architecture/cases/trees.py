"""Small trees, by the text of their files."""

from collections.abc import Mapping
import json

from ..checks import PACKAGE, Check, manifest, quality_scale, services

type Files = Mapping[str, str]
type Case = tuple[Check, Files, str]

HUB, KERNEL, PROVIDER = f"{PACKAGE}/hub.py", f"{PACKAGE}/kernel/thing.py", f"{PACKAGE}/providers/acme/provider.py"
SPEC = f"{PACKAGE}/providers/acme/__init__.py"
REGISTRY = f"{PACKAGE}/providers/__init__.py"
REGISTERED = {
    REGISTRY: 'PROVIDERS = MappingProxyType({"acme": ("device",)})\n',
    SPEC: 'SPEC = ProviderSpec(key="acme", name="Acme")\n',
}
FORM = 'FORM = Form(page="device", fields=(Field(key="host"),))\n'
LONG = "def f():\n" + "    pass\n" * 61
MIDDLING = "def f():\n" + "    pass\n" * 12


def english(**sections: object) -> Files:
    return {f"{PACKAGE}/translations/en.json": json.dumps(sections)}


def german(*texts: tuple[str, str]) -> Files:
    common = {str(number): translation for number, (_, translation) in enumerate(texts)}
    path = f"{PACKAGE}/translations/de.json"
    return {**english(common={str(n): ours for n, (ours, _) in enumerate(texts)}), path: json.dumps({"common": common})}


def manifested(**entries: object) -> Files:
    return {str(manifest.MANIFEST): json.dumps(entries)}


def scale(text: str) -> Files:
    return {str(quality_scale.QUALITY_SCALE): f"rules:\n  {text}\n"}


def acting(text: str) -> Files:
    return {str(services.SERVICES): text}
