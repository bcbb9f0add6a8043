"""Writes what the service is made of: a bill of materials and the licences that go with it.

    python ops/sbom.py requirements.lock FOLDER

The rule: it describes the environment of the interpreter it runs in, limited to what the lock file
names, and refuses an environment that is not as locked. The same environment gives the same bytes:
there is no time and no random number in them.
"""

import json
import re
import sys
import uuid
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

PROJECT = "sessionwatch"
SBOM = "sbom.cdx.json"
LICENCES = "THIRD-PARTY-LICENCES.txt"
_LOCKED = re.compile(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)", re.MULTILINE)
_REQUIRED = re.compile(r"^([A-Za-z0-9._-]+)")
_TEXT = re.compile(r"(licen[cs]e|copying|notice|authors)", re.IGNORECASE)
_SPDX_BY_CLASSIFIER = {
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
}
_NAMES = {"Apache 2.0": "Apache-2.0", "Apache License 2.0": "Apache-2.0", "BSD": "BSD-3-Clause"}
_EXPRESSION = re.compile(r"[A-Za-z0-9.+() -]{2,60}")
_SPDX_ID = re.compile(r"[A-Za-z0-9.+-]+")


class Wrong(Exception):
    """The environment is not what the lock says."""


def locked(text: str) -> dict[str, str]:
    """Version by normalised name, of everything a lock file pins."""
    return {_normal(name): version for name, version in _LOCKED.findall(text)}


def installed(versions: Mapping[str, str]) -> list[Distribution]:
    """What is installed of them, by name. Others are for other systems. Raises `Wrong`."""
    found = []
    for name, version in sorted(versions.items()):
        try:
            one = distribution(name)
        except PackageNotFoundError:
            continue
        if one.version != version:
            raise Wrong(f"{name} {one.version} is installed, the lock says {version}")
        found.append(one)
    if not found:
        raise Wrong("nothing of the lock is installed here")
    return found


def licence(one: Distribution) -> str:
    """An SPDX expression where the distribution says something that amounts to one, else its own
    words, else nothing."""
    said = one.metadata.json
    if expression := said.get("license_expression"):
        return str(expression)
    classified = [
        _SPDX_BY_CLASSIFIER.get(line.rpartition(" :: ")[2], "")
        for line in said.get("classifier", ())
        if line.startswith("License :: ")
    ]
    # Several may mean a choice; saying that all hold is the careful reading.
    if known := [name for name in classified if name]:
        return " AND ".join(dict.fromkeys(known))
    words = str(said.get("license", "")).strip()
    words = _NAMES.get(words, words)
    return words if _EXPRESSION.fullmatch(words) else words.partition("\n")[0][:60]


def sbom(project: Distribution, found: Iterable[Distribution]) -> dict[str, Any]:
    """A CycloneDX 1.6 document."""
    found = list(found)
    names = {_normal(one.name) for one in found}
    document: dict[str, Any] = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": _component(project, "application")},
        "components": [_component(one, "library") for one in found],
        "dependencies": [_dependency(one, names) for one in (project, *found)],
    }
    name = uuid.uuid5(uuid.NAMESPACE_OID, json.dumps(document, sort_keys=True))
    return {**document, "serialNumber": f"urn:uuid:{name}"}


def licence_texts(found: Iterable[Distribution]) -> Iterator[str]:
    """For each distribution what it is under and every licence text it carries."""
    yield "Third-party software that sessionwatch installs, each with its licence.\n"
    for one in found:
        yield "\n" + "=" * 80 + f"\n{one.name} {one.version}: {licence(one) or 'see below'}\n"
        texts = sorted(_texts(one))
        for name, text in texts:
            yield f"\n----- {name}\n\n{text.strip()}\n"
        if not texts:
            yield "\n(The distribution carries no licence text.)\n"


def write(lock: Path, folder: Path) -> None:
    """Both files into `folder`."""
    found = installed(locked(lock.read_text(encoding="utf-8")))
    document = sbom(distribution(PROJECT), found)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / SBOM).write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    (folder / LICENCES).write_text("".join(licence_texts(found)), encoding="utf-8")
    sys.stdout.write(f"{folder / SBOM}, {folder / LICENCES}: {len(found)} distributions\n")


def _component(one: Distribution, kind: str) -> dict[str, Any]:
    name = _normal(one.name)
    component: dict[str, Any] = {
        "type": kind,
        "bom-ref": f"{name}@{one.version}",
        "name": one.name,
        "version": one.version,
        "purl": f"pkg:pypi/{name}@{one.version}",
    }
    if summary := one.metadata.json.get("summary"):
        component["description"] = summary
    if said := licence(one):
        component["licenses"] = [_licence_entry(said)]
    return component


def _licence_entry(said: str) -> dict[str, Any]:
    if re.search(r" (AND|OR|WITH) ", said):
        return {"expression": said}
    return {"license": {"id" if _SPDX_ID.fullmatch(said) else "name": said}}


def _dependency(one: Distribution, names: set[str]) -> dict[str, Any]:
    wanted = {
        _normal(match[1])
        for line in one.requires or ()
        if "extra ==" not in line and (match := _REQUIRED.match(line))
    }
    refs = {name: f"{name}@{distribution(name).version}" for name in sorted(wanted & names)}
    return {"ref": f"{_normal(one.name)}@{one.version}", "dependsOn": list(refs.values())}


def _texts(one: Distribution) -> Iterator[tuple[str, str]]:
    for file in one.files or ():
        if any(part.endswith(".dist-info") for part in file.parts) and _TEXT.search(file.name):
            yield "/".join(file.parts[1:]), file.read_text(encoding="utf-8")


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python ops/sbom.py requirements.lock FOLDER")
    try:
        write(Path(sys.argv[1]), Path(sys.argv[2]))
    except (Wrong, PackageNotFoundError) as error:
        sys.exit(f"error: {error}")
