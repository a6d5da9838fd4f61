"""The bill of materials that ships with the binaries: CycloneDX 1.5, the same bytes for the same crates.

cargo-cyclonedx 0.5.9 lists procedural macros and optional crates, which are not in the binaries, and writes the folder of
the build into its references.
"""

import json
import uuid

import crates as crates_module


def reference(crate):
    return purl(crate.name, crate.version)


def purl(name, version):
    return f"pkg:cargo/{name}@{version}"


def component(crate, kind="library"):
    entry = {
        "type": kind,
        "bom-ref": reference(crate),
        "name": crate.name,
        "version": crate.version,
        "description": " ".join(crate.description.split()),
        "scope": "required",
        "licenses": [{"expression": crate.license}],
        "purl": reference(crate),
    }
    if crate.repository:
        entry["externalReferences"] = [{"type": "vcs", "url": crate.repository}]
    if crate.is_ours:
        del entry["scope"]
    return entry


def checksums(lock):
    """The checksums of crate archives in Cargo.lock, by name and version."""
    found = {}
    for block in lock.split("[[package]]")[1:]:
        fields = dict(line.split(" = ", 1) for line in block.splitlines() if " = " in line)
        if "checksum" in fields:
            found[fields["name"].strip('"'), fields["version"].strip('"')] = fields["checksum"].strip('"')
    return found


def document(crates, target, time):
    """The bill as text. `time` is an ISO 8601 date; the serial number is derived from the content."""
    ours = next(crate for crate in crates if crate.is_ours)
    sums = checksums((crates_module.ROOT / "Cargo.lock").read_text())
    components = []
    for crate in crates:
        if not crate.is_ours:
            checksum = sums[crate.name, crate.version]
            components.append(component(crate) | {"hashes": [{"alg": "SHA-256", "content": checksum}]})
    for name, license, home in crates_module.TOOLCHAIN:
        components.append({"type": "library", "bom-ref": name, "name": name, "licenses": [{"expression": license}],
                           "externalReferences": [{"type": "website", "url": home}]})
    graph = {purl(*crate): [purl(*other) for other in others] for crate, others in crates_module.needs(target).items()}
    graph[reference(ours)] += [name for name, _, _ in crates_module.TOOLCHAIN]
    root = component(ours) | {"properties": [{"name": "target", "value": target}]}
    serial = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps([root, components, graph, time]))
    bill = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{serial}",
        "version": 1,
        "metadata": {"timestamp": time, "component": root},
        "components": components,
        "dependencies": [{"ref": crate, "dependsOn": others} for crate, others in graph.items()],
    }
    return json.dumps(bill, indent=2, ensure_ascii=False) + "\n"
