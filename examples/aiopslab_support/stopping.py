"""SIGTERM and the time limit turned into an orderly stop, with the injected fault taken back."""

import os
import signal
import threading
import time
from contextlib import contextmanager

# Wakes the main thread up and does nothing else.
PROD = signal.SIGURG
# Seconds between a signal and each time that the main thread is woken up for it.
PRODS_SECONDS = (0.02, 0.2, 1, 3)


class Stopped(SystemExit):
    """The task has to end now.

    A SystemExit, because AIOpsLab and agents catch Exception and make an observation of it, and
    because asyncio lets it through from wherever it is raised.
    """


class GraceOver(SystemExit):
    """The stop itself took too long."""


def is_stop(error):
    """Whether it is one of this program's own, and not an agent's."""
    return isinstance(error, (Stopped, GraceOver))


class Stopper:
    """Raises Stopped in the main thread once, and GraceOver when the grace is over."""

    def __init__(self, grace_seconds):
        self.grace_seconds = grace_seconds
        self.reason = None
        # Whether the stop came behind a shield.
        self.was_hit = False
        self._shields = 0
        self._closing = False

    def install(self, limit_seconds):
        """From here on signals stop the task, and so does the time limit."""
        self._watch()
        for signum in (signal.SIGTERM, signal.SIGINT):
            signal.signal(signum, self._on_signal)
        signal.signal(signal.SIGALRM, self._on_alarm)
        signal.setitimer(signal.ITIMER_REAL, limit_seconds)

    def close(self):
        """The task is at its end: a stop only starts the grace."""
        self._closing = True

    def finish(self, leave, seconds):
        """Nothing stops the task any more, and in so many seconds it leaves."""
        for signum in (signal.SIGTERM, signal.SIGINT):
            signal.signal(signum, signal.SIG_IGN)
        signal.signal(signal.SIGALRM, lambda _signum, _frame: leave())
        signal.setitimer(signal.ITIMER_REAL, seconds)

    def check(self):
        """Stops here if a stop was asked for: an agent may have swallowed the first one."""
        if self.reason and not self._closing:
            raise Stopped(self.reason)

    @contextmanager
    def shield(self):
        """A stop waits until the block is done; only the end of the grace breaks it off."""
        self._shields += 1
        try:
            yield
        finally:
            self._shields -= 1
        if self.was_hit and not self._shields:
            self.check()

    def _watch(self):
        """Wakes the main thread up after a signal.

        Python's handler runs in the main thread only. If the signal comes just before that thread blocks, or
        another thread gets it, the handler would wait until the main thread wakes up, perhaps for hours.
        """
        woken, wake = os.pipe()
        os.set_blocking(wake, False)
        signal.signal(PROD, lambda _signum, _frame: None)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        main = threading.main_thread().ident

        def prod():
            while signals := os.read(woken, 64):
                if set(signals) == {PROD}:
                    continue
                for seconds in PRODS_SECONDS:
                    time.sleep(seconds)
                    signal.pthread_kill(main, PROD)

        threading.Thread(target=prod, daemon=True).start()

    def _on_signal(self, signum, _frame):
        self._stop(f"stopped by {signal.Signals(signum).name}")

    def _on_alarm(self, _signum, _frame):
        if self.reason:
            raise GraceOver(self.reason)
        self._stop("timeout")

    def _stop(self, reason):
        if self.reason:
            return
        self.reason = reason
        signal.setitimer(signal.ITIMER_REAL, self.grace_seconds)
        if self._shields:
            self.was_hit = True
        elif not self._closing:
            raise Stopped(reason)


class Fault:
    """Knows whether the problem's fault is injected, and takes it back at most once.

    AIOpsLab recovers in start_problem, at its end and after an Exception, and by atexit; not after a
    SystemExit, and not when init_problem fails behind the injection.
    """

    def __init__(self, stopper):
        self.injected = False
        self._stopper = stopper
        self._recover = None

    def watch(self, problem):
        """Puts itself between the orchestrator and the problem's two calls."""
        inject, self._recover = problem.inject_fault, problem.recover_fault

        def inject_fault():
            self.injected = True
            return inject()

        problem.inject_fault, problem.recover_fault = inject_fault, self.recover
        return problem

    def recover(self):
        """Takes the fault back if it is injected, in part or in whole."""
        if not self.injected:
            return
        with self._stopper.shield():
            failure = self._try()
            if self._stopper.was_hit:
                # The signal went to the whole group and may have killed the kubectl that was at it, which
                # AIOpsLab does not notice. No second one comes; a fault already gone is no failure.
                failure = self._try() and failure
            if failure:
                raise failure
            self.injected = False

    def _try(self):
        try:
            self._recover()
        except Exception as error:
            return error
        return None
