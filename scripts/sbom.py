"""Writes the components of the executable as CycloneDX 1.6, and validates the result. scripts/sbom installs the library.

    sbom.py FILE TRIPLE VERSION
"""

import os
import sys
import tomllib
import uuid
from datetime import datetime, timezone
from pathlib import Path

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, XsUri
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.dependency import Dependency
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

sys.dont_write_bytecode = True
from linked_crates import ROOT, linked_crates  # noqa: E402

LICENCES = LicenseFactory()


def checksums():
    """SHA-256 of each crate's file in its registry, from Cargo.lock."""
    lock = tomllib.loads((ROOT / "Cargo.lock").read_text("utf-8"))
    return {(each["name"], each["version"]): each.get("checksum") for each in lock["package"]}


def component(package, checksum):
    purl = PackageURL("cargo", None, package["name"], package["version"])
    # Cargo still accepts the older form with a slash.
    licence = (package["license"] or "").replace("/", " OR ")
    repository = package["repository"]
    return Component(
        type=ComponentType.LIBRARY,
        name=package["name"],
        version=package["version"],
        bom_ref=str(purl),
        purl=purl,
        description=package["description"] and " ".join(package["description"].split()),
        licenses=[LICENCES.make_from_string(licence)] if licence else [],
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=checksum)] if checksum else [],
        external_references=[ExternalReference(type=ExternalReferenceType.VCS, url=XsUri(repository))] if repository else [],
    )


def bill(triple, version):
    packages, dependencies = linked_crates(triple)
    known = checksums()
    refs = {package["id"]: component(package, known.get((package["name"], package["version"]))) for package in packages}
    purl = PackageURL("generic", None, "qtask", version)
    own = Component(
        type=ComponentType.APPLICATION,
        name="qtask",
        version=version,
        bom_ref=str(purl),
        purl=purl,
        licenses=[LICENCES.make_from_string("MIT OR Apache-2.0")],
    )
    # Equal inputs make an equal file: no time of the run, no random number.
    time = datetime.fromtimestamp(int(os.environ.get("SOURCE_DATE_EPOCH", "0")), timezone.utc)
    serial = uuid.uuid5(uuid.NAMESPACE_URL, f"{purl} {triple} {time.isoformat()}")
    bom = Bom(components=refs.values(), serial_number=serial, metadata=BomMetaData(component=own, timestamp=time))
    bom.dependencies.add(Dependency(own.bom_ref, [Dependency(refs[each].bom_ref) for each in direct(refs, dependencies)]))
    for each, here in refs.items():
        needed = {refs[other].bom_ref for other in dependencies[each] if other in refs}
        bom.dependencies.add(Dependency(here.bom_ref, [Dependency(ref) for ref in needed]))
    return bom


def direct(refs, dependencies):
    """The crates that qtask and the other crates of this repository name."""
    own = [each for each in dependencies if each not in refs and each.startswith(("path+", "file:"))]
    return sorted({other for each in own for other in dependencies[each] if other in refs})


def main():
    file, triple, version = sys.argv[1:]
    text = JsonV1Dot6(bill(triple, version)).output_as_string(indent=2) + "\n"
    if error := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text):
        sys.exit(f"the list of components does not follow its schema: {error!r}")
    Path(file).write_text(text, "utf-8")


if __name__ == "__main__":
    main()
