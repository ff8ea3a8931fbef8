#!/usr/bin/env python3
"""A /tmp of its own for a program and its children, on Linux.

    qtask work --command "x=python3 $EXAMPLES/private_tmp.py /opt/program --its-options"

For programs that keep files under fixed names in /tmp: two of them on one machine would use each other's files. AIOpsLab injects a fault
with /tmp/pod-failure.yaml, and takes back the fault that it reads there. Files and directories below /tmp that the environment or the
arguments name stay visible.

Standard library only. Tried with Python 3.11.
"""

import ctypes
import json
import os
import re
import sys

TMP = "/tmp"
# The size of the file system in memory. What is large should go to TMPDIR.
SIZE = "256m"

# From Linux' sched.h and mount.h.
CLONE_NEWNS, CLONE_NEWUSER = 0x00020000, 0x10000000
MS_NOSUID, MS_NODEV, MS_BIND, MS_REC, MS_SLAVE = 0x2, 0x4, 0x1000, 0x4000, 0x80000
MNT_DETACH = 0x2


def isolate():
    """Gives the process a /tmp of its own. Raises OSError where the system does not permit it.

    Call it first: a process with threads cannot enter a user namespace. Files and directories below /tmp that the
    environment, the arguments or Python's paths name stay visible.
    """
    try_in_child()
    enter_namespace()
    # Mounts of the machine still reach the process, those of the process do not reach the machine.
    mount(None, "/", None, MS_REC | MS_SLAVE)
    # Open, so that they can still be mounted once /tmp is covered.
    kept = [(path, os.open(path, os.O_PATH | os.O_CLOEXEC)) for path in paths_in_use()]
    here = os.getcwd()
    mount("tmpfs", TMP, "tmpfs", MS_NOSUID | MS_NODEV, f"mode=1777,size={SIZE}")
    try:
        for path, descriptor in kept:
            original = f"/proc/self/fd/{descriptor}"
            mount_point(path, original)
            mount(original, path, None, MS_BIND | MS_REC)
        os.chdir(here)
    except OSError:
        libc().umount2(TMP.encode(), MNT_DETACH)
        os.chdir(here)
        raise
    finally:
        for _, descriptor in kept:
            os.close(descriptor)


def lock(path):
    """Takes the lock of this file until the process ends. Returns False if another process holds it.

    The file is never removed: two processes could then lock two files of the same name.
    """
    import fcntl

    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        descriptor = os.open(path, os.O_RDONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o444)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return False
    # Held by the descriptor, which stays open.
    return True


def paths_in_use():
    """The paths below /tmp that the process was started with; for one that does not exist, its nearest directory."""
    texts = [os.getcwd(), sys.prefix, sys.executable, *sys.path, *sys.argv, *os.environ.values()]
    text = "\n".join(texts).replace("{worker}", os.environ.get("QTASK_WORKER", ""))
    found = set()
    for path in re.findall(rf"{TMP}/[^:;,\s'\"=]+", text):
        path = os.path.normpath(path)
        while len(path) > len(TMP) and not os.path.exists(path):
            path = os.path.dirname(path)
        # Symbolic links are skipped: a mount would replace their target's name, not theirs.
        if path.startswith(f"{TMP}/") and os.path.realpath(path) == path:
            found.add(path)
    return sorted(path for path in found if not any(path.startswith(f"{other}/") for other in found))


def mount_point(path, original):
    """Creates the path to mount on: a directory for a directory, a file for anything else."""
    if os.path.isdir(original):
        os.makedirs(path, mode=0o700)
    else:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


def try_in_child():
    """Raises OSError if isolate() would fail. A process that fails halfway has lost its user's number."""
    child = os.fork()
    if child == 0:
        try:
            enter_namespace()
            mount(None, "/", None, MS_REC | MS_SLAVE)
            mount("tmpfs", TMP, "tmpfs", 0, f"size={SIZE}")
            os._exit(0)
        except OSError as error:
            os._exit(min(error.errno or 255, 255))
        finally:
            os._exit(255)
    number = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if number != 0:
        raise OSError(number, f"a mount namespace: {os.strerror(number)}")


def enter_namespace():
    """Enters a new mount namespace, and a new user namespace if the user may not do it otherwise."""
    user, group = os.geteuid(), os.getegid()
    if libc().unshare(CLONE_NEWNS) == 0:
        return
    check(libc().unshare(CLONE_NEWUSER | CLONE_NEWNS), "unshare")
    # The user keeps its number.
    for file, line in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
        with open(f"/proc/self/{file}", "w", encoding="ascii") as target:
            target.write(line)


def mount(source, target, kind, flags, options=None):
    """mount(2)."""
    words = [None if word is None else os.fsencode(word) for word in (source, target, kind)]
    data = None if options is None else options.encode()
    check(libc().mount(*words, ctypes.c_ulong(flags), data), f"mount {target}")


def check(result, call):
    """Turns the result of a call of the C library into an exception."""
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{call}: {os.strerror(number)}")


def libc():
    """The C library of this process."""
    try:
        library = ctypes.CDLL(None, use_errno=True)
        assert library.unshare and library.mount and library.umount2
    except (OSError, AttributeError):
        raise OSError("this system has no mount namespaces") from None
    return library


def main():
    """Replaces this process by the program of the arguments, with a /tmp of its own."""
    if len(sys.argv) < 2:
        sys.exit(f"usage: {sys.argv[0]} PROGRAM [ARGUMENT...]")
    try:
        isolate()
    except OSError as error:
        say = f"the program cannot have a {TMP} of its own here: {error}"
        print(json.dumps({"error": {"code": "environment_error", "message": say, "retry": True, "blame": "worker"}}))
        return
    os.execvp(sys.argv[1], sys.argv[1:])


if __name__ == "__main__":
    main()
