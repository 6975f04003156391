# SPDX-License-Identifier: BSD-3-Clause
"""
Hold one thread of a process up, as a hypervisor or a fault of the machine would, while the others run:

    hold_thread.py THREAD-ID

Says "held" when it stands, and lets it go at the end of the input. If this program ends in any other way,
the kernel lets the thread go.
"""

import ctypes
import os
import sys

PTRACE_SEIZE, PTRACE_INTERRUPT = 0x4206, 0x4207
WALL = 0x40000000  # of waitpid(): threads too


def ptrace(request, tid):
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    if libc.ptrace(request, tid, None, None) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


thread = int(sys.argv[1])
ptrace(PTRACE_SEIZE, thread)
ptrace(PTRACE_INTERRUPT, thread)
os.waitpid(thread, WALL)
print("held", flush=True)
sys.stdin.read()
