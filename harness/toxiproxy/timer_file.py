"""Linux's timer as a file (timerfd): a descriptor that becomes readable at a time, to the µs."""

from __future__ import annotations

import ctypes
import math
import os
import time

_NONBLOCK_CLOEXEC = os.O_NONBLOCK | os.O_CLOEXEC
_ABSOLUTE = 1
_NS_PER_S = 1_000_000_000


class _Timespec(ctypes.Structure):
    _fields_ = (("s", ctypes.c_long), ("ns", ctypes.c_long))


class _Itimerspec(ctypes.Structure):
    _fields_ = (("interval", _Timespec), ("value", _Timespec))


class TimerFile:
    """One timer of the clock that `time.monotonic` shows; `timerfd_create(2)`.

    Raises `OSError` where the kernel gives none, `AttributeError` where there is no such call.
    """

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self.fd = self._checked(
            self._libc.timerfd_create(time.CLOCK_MONOTONIC, _NONBLOCK_CLOEXEC), "timerfd_create"
        )

    def set(self, when_s: float) -> None:
        """Be readable from `when_s` on, never earlier, and not before; infinity: never."""
        # Both zero would mean never, so that what has passed long ago is a nanosecond after zero.
        ns = 0 if when_s == math.inf else max(1, math.ceil(when_s * _NS_PER_S))
        spec = _Itimerspec(value=_Timespec(*divmod(ns, _NS_PER_S)))
        done = self._libc.timerfd_settime(self.fd, _ABSOLUTE, ctypes.byref(spec), None)
        self._checked(done, "timerfd_settime")

    def close(self) -> None:
        """Give the descriptor back."""
        os.close(self.fd)

    @staticmethod
    def _checked(result: int, call: str) -> int:
        if result < 0:
            number = ctypes.get_errno()
            raise OSError(number, f"{call}: {os.strerror(number)}")
        return result
