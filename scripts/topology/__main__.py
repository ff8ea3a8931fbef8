"""The checks of scripts/containers: the system starts, scales, restarts, is upgraded and ends.

usage: topology images TOOL | containers TOOL | processes EXECUTABLE PREVIOUS

`images` only gets and builds the images. Each check prints its figures. The first that fails ends the program with 1, after the
logs; whatever happens, what was started is removed.
"""

import signal
import sys
import time

import checks
from containers import Containers
from processes import Processes


def run(topology):
    begun = time.monotonic()
    name = ""
    try:
        for check in [*checks.common(), *topology.own_checks(), checks.end]:
            name = check.__name__.replace("_", " ")
            print(f"{name}: {check(topology)}", flush=True)
    except AssertionError as error:
        topology.show_logs()
        sys.exit(f"{name} failed: {error}")
    finally:
        topology.remove()
    print(f"all checks: {time.monotonic() - begun:.0f} s")


def make_images(topology):
    try:
        topology.make_images()
    except AssertionError as error:
        sys.exit(str(error))
    finally:
        topology.remove_files()


def main(arguments):
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    match arguments:
        case ["images", tool]:
            make_images(Containers(tool))
        case ["containers", tool]:
            run(Containers(tool))
        case ["processes", executable, previous]:
            run(Processes(executable, previous))
        case _:
            sys.exit(__doc__)


main(sys.argv[1:])
