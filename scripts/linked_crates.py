"""The crates that cargo links into the executable."""

import json
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# Of build scripts, and yet in the executable: the style sheets and scripts of the pages that they render.
EMBEDDED = {"mdbook-html"}


def host():
    lines = subprocess.run(["rustc", "-vV"], check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    return next(line.removeprefix("host: ") for line in lines if line.startswith("host: "))


def linked_crates(triple):
    """The packages that the executable's code comes from, sorted by name, and the ids of the direct dependencies of each.

    These are the normal dependencies for the target, without those of build scripts (except EMBEDDED) and tests, and without the crates of this
    repository.
    """
    command = ["cargo", "metadata", "--locked", "--format-version", "1", "--filter-platform", triple]
    data = json.loads(subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout)
    packages = {package["id"]: package for package in data["packages"]}
    dependencies = {
        node["id"]: [dep["pkg"] for dep in node["deps"] if any(kind["kind"] is None for kind in dep["dep_kinds"])]
        for node in data["resolve"]["nodes"]
    }
    seen = set()
    todo = [next(package["id"] for package in data["packages"] if package["name"] == "qtask")]
    while todo:
        each = todo.pop()
        if each not in seen:
            seen.add(each)
            todo += dependencies[each]
    resolved = {each for each in dependencies if packages[each]["name"] in EMBEDDED}
    found = [packages[each] for each in seen | resolved if packages[each]["source"]]
    found.sort(key=lambda package: (package["name"], package["version"]))
    return found, dependencies
