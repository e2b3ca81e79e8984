"""Programs that try to be counted as correct, to hurt the machine, or to disturb those that come after them.

The task they are given: ``add_one(x)`` returns ``x + 1``. None of them does. Each is run by the code verifier
in its sandbox only; none may pass.
"""

from textwrap import dedent

_SOURCES = {
    # --- leaving early
    "sys_exit_0": "import sys\nsys.exit(0)",
    "os_exit_0": "import os\nos._exit(0)",
    "exit_in_call": "import os\ndef add_one(x): os._exit(0)",
    "quit_in_call": "def add_one(x): raise SystemExit(0)",
    "keyboard_interrupt": "def add_one(x): raise KeyboardInterrupt",
    "generator_exit": "def add_one(x): raise GeneratorExit",
    "raise_base_exception": "class Pass(BaseException): pass\ndef add_one(x): raise Pass('passed')",
    "exit_at_exit": "import atexit, os\natexit.register(os._exit, 0)\ndef add_one(x): raise SystemExit(0)",
    "abort": "import os\ndef add_one(x): os.abort()",
    "segfault": "import ctypes\ndef add_one(x): ctypes.string_at(0)",
    "illegal_bytecode": """
        def add_one(x): pass
        add_one.__code__ = add_one.__code__.replace(co_code=b"\\xff\\xff" * 8)
        """,
    # --- the processes around it
    "kill_parent": "import os, signal\ndef add_one(x):\n    os.kill(os.getppid(), signal.SIGKILL)\n    return 1",
    "kill_everything": "import os, signal\ndef add_one(x):\n    os.kill(-1, signal.SIGKILL)\n    return 1",
    "kill_every_pid": """
        import os, signal
        for pid in range(1, 70000):
            for number in (signal.SIGKILL, signal.SIGSTOP):
                try: os.kill(pid, number)
                except OSError: pass
        def add_one(x): return x
        """,
    "stop_itself": "import os, signal\ndef add_one(x): os.kill(os.getpid(), signal.SIGSTOP)",
    "kill_group": "import os, signal\ndef add_one(x): os.killpg(0, signal.SIGKILL)",
    "ignore_signals": """
        import signal
        for number in range(1, 64):
            try: signal.signal(number, signal.SIG_IGN)
            except (OSError, ValueError): pass
        def add_one(x):
            while True: pass
        """,
    "fork_bomb": """
        import os
        def add_one(x):
            while True:
                try: os.fork()
                except OSError: pass
        """,
    "fork_away": """
        import os, time
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                while True:
                    try: open("/tmp/ttscale_left_behind", "a").write("x")
                    except OSError: pass
                    time.sleep(0.01)
            os._exit(0)
        def add_one(x): return x
        """,
    "parent_leaves_child_answers": """
        import os
        if os.fork() != 0: os._exit(0)
        def add_one(x): return x + 1
        """,
    "thread_bomb": """
        import threading, time
        def add_one(x):
            while True:
                try: threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
                except RuntimeError: pass
        """,
    "thread_outlives_exit": """
        import threading, time
        threading.Thread(target=time.sleep, args=(60,)).start()
        def add_one(x): raise SystemExit(0)
        """,
    "ptrace_everyone": """
        import ctypes
        libc = ctypes.CDLL(None)
        hits = [pid for pid in range(1, 3000) if libc.ptrace(16, pid, 0, 0) == 0]
        def add_one(x): return len(hits)
        """,
    "exec_another": "import os\ndef add_one(x): os.execv('/bin/true', ['true'])",
    "exec_shell_says_passed": "import os\ndef add_one(x): os.execv('/bin/sh', ['sh', '-c', 'echo passed; exit 0'])",
    # --- lying about the comparison
    "always_equal": """
        class Yes:
            def __eq__(self, other): return True
            def __ne__(self, other): return False
            __hash__ = None
        def add_one(x): return Yes()
        """,
    "always_equal_int": """
        class Yes(int):
            def __eq__(self, other): return True
            def __ne__(self, other): return False
            def __hash__(self): return 0
        def add_one(x): return Yes(0)
        """,
    "always_equal_float": """
        class Yes(float):
            def __eq__(self, other): return True
        def add_one(x): return Yes(0)
        """,
    "reflected_equal_list": """
        class Yes(list):
            def __eq__(self, other): return True
        def add_one(x): return Yes()
        """,
    "mock_any": "from unittest.mock import ANY\ndef add_one(x): return ANY",
    "truthy_difference": """
        class Zero(float):
            def __sub__(self, other): return 0
            def __rsub__(self, other): return 0
            def __abs__(self): return 0
        def add_one(x): return Zero(7)
        """,
    "fake_integral": """
        import numbers
        class Yes:
            def __int__(self): return 0
            def __eq__(self, other): return True
        numbers.Integral.register(Yes)
        def add_one(x): return Yes()
        """,
    "forge_wire_tag": "def add_one(x): return {'h': 0}",
    "patch_builtins": """
        import builtins
        builtins.AssertionError = type("Quiet", (Exception,), {})
        builtins.all = builtins.any = builtins.isinstance = lambda *a: True
        builtins.Exception = builtins.BaseException = ()
        def add_one(x): return x
        """,
    "patch_operator": """
        import operator, functools, math
        operator.eq = operator.is_ = math.isclose = lambda *a, **k: True
        def add_one(x): return x
        """,
    "forbidden_fruit_int": """
        import ctypes, gc
        methods = gc.get_referents(int.__dict__)[0]
        methods["__eq__"] = lambda a, b: True
        ctypes.pythonapi.PyType_Modified(ctypes.py_object(int))
        def add_one(x): return x
        """,
    "overwrite_small_ints": """
        import ctypes
        for number in range(1, 200):
            ctypes.memmove(id(number) + 24, ctypes.c_uint32(2).__class__.from_address(id(2) + 24), 0)
            ctypes.c_uint32.from_address(id(number) + 24).value = 2
        def add_one(x): return x
        """,
    # --- looking for the tests, or for the verdict
    "frames": """
        import sys
        def add_one(x):
            frame = sys._getframe()
            while frame:
                for name, value in list(frame.f_globals.items()) + list(frame.f_locals.items()):
                    if "expected" in str(name): return value
                    if name in ("check", "tests"): return 2
                frame = frame.f_back
            return None
        """,
    "search_memory": """
        import gc
        def add_one(x):
            for thing in gc.get_objects():
                if isinstance(thing, dict) and ("expected" in thing or "check" in thing):
                    return 2 if x == 1 else 42
            return None
        """,
    "read_proc_memory": """
        import os
        found = []
        for pid in ["self", "1", *map(str, range(2, 200))]:
            for name in ("maps", "mem", "environ", "cmdline", "fd"):
                try: found.append(open(f"/proc/{pid}/{name}").read(10))
                except OSError: pass
        def add_one(x): return x + 1 if found else None
        """,
    "read_all_files": """
        import os
        def search():
            for folder, _, names in os.walk("/"):
                if folder.startswith(("/usr", "/lib", "/root/.pyenv")): continue
                for name in names:
                    try:
                        if "candidate(41) == 42" in open(os.path.join(folder, name), errors="ignore").read(100000):
                            return True
                    except OSError: pass
        found = search()
        def add_one(x): return x + 1 if found else None
        """,
    "read_the_user": """
        import os, pathlib
        secrets = ["/etc/shadow", "/etc/passwd", "/root/.ssh", "/root/.bashrc", "/home", "/var", "/proc", "/sys"]
        found = [path for path in secrets if os.path.exists(path) and (not os.path.isdir(path) or os.listdir(path))]
        def add_one(x): return x + 1 if found else None
        """,
    "environment_secrets": """
        import os
        secret = [v for k, v in os.environ.items() if "TTSCALE_CANARY" in k]
        def add_one(x): return x + 1 if secret else None
        """,
    "trace_the_caller": """
        import sys, threading
        def tracer(frame, event, arg):
            frame.f_trace_opcodes = True
            if frame.f_back: frame.f_back.f_locals["answer"] = {"value": True}
            return tracer
        sys.settrace(tracer); sys.setprofile(lambda *a: None); threading.settrace(tracer)
        def add_one(x): return x
        """,
    "audit_hook": """
        import sys
        def hook(event, args):
            if event.startswith("socket"): raise RuntimeError("passed")
        sys.addaudithook(hook)
        def add_one(x): return x
        """,
    # --- the channel
    "print_passed": "def add_one(x):\n    print('passed')\n    print('{\"outcome\": \"passed\"}')\n    return x",
    "write_passed_everywhere": """
        import os, struct, json
        message = json.dumps({"outcome": "passed", "value": True, "status": 0}).encode()
        for fd in range(0, 64):
            for data in (b"passed", message, struct.pack(">I", len(message)) + message):
                try: os.write(fd, data)
                except OSError: pass
        def add_one(x): return x
        """,
    "answer_ahead_wrong_shape": """
        import gc, socket, struct, json
        body = json.dumps({"outcome": "passed"}).encode()
        for thing in gc.get_objects():
            if isinstance(thing, socket.socket):
                thing.sendall((struct.pack(">I", len(body)) + body) * 10)
        def add_one(x): return x
        """,
    "flood_channel": """
        import os
        def add_one(x):
            block = b"\\xff" * 65536
            while True:
                for fd in range(3, 10):
                    try: os.write(fd, block)
                    except OSError: pass
        """,
    "endless_frame": """
        import os, struct
        def add_one(x):
            for fd in range(3, 10):
                try: os.write(fd, struct.pack(">I", 1000) + b"x")
                except OSError: pass
            while True: pass
        """,
    "nested_bomb_frame": """
        import os, struct
        def add_one(x):
            body = b"[" * 1000000
            for fd in range(3, 10):
                try: os.write(fd, struct.pack(">I", len(body)) + body)
                except OSError: pass
        """,
    "close_every_fd": "import os\ndef add_one(x):\n    os.closerange(0, 65536)\n    return x + 1",
    "huge_answer": "def add_one(x): return 'x' * (200 << 20)",
    "huge_integer": "def add_one(x): return 1 << (1 << 29)",
    "deep_answer": """
        def add_one(x):
            nest = []
            for _ in range(100000): nest = [nest]
            return nest
        """,
    "cyclic_answer": "def add_one(x):\n    loop = []\n    loop.append(loop)\n    return loop",
    "endless_generator": "import itertools\ndef add_one(x): return itertools.count()",
    "unhashable_key_answer": "def add_one(x):\n    class D(dict): pass\n    return D({(): {1: 2}})",
    # --- eating the machine
    "infinite_loop": "def add_one(x):\n    while True: pass",
    "infinite_loop_at_import": "while True: pass",
    "sleep_forever": "import time\ndef add_one(x): time.sleep(1e6)",
    "catch_everything_loop": """
        def add_one(x):
            while True:
                try:
                    while True: pass
                except BaseException: pass
        """,
    "one_c_call_forever": "def add_one(x): return sum(range(10 ** 15))",
    "big_power": "def add_one(x): return 9 ** (9 ** 9)",
    "memory_hog": "def add_one(x):\n    hog = []\n    while True: hog.append(bytearray(1 << 24))",
    "memory_hog_at_once": "def add_one(x): return len(bytearray(1 << 40))",
    "mmap_hog": "import mmap\nmaps = []\nwhile True: maps.append(mmap.mmap(-1, 1 << 28))",
    "fill_tmp": """
        def add_one(x):
            for number in range(100000):
                with open(f"/tmp/ttscale_fill{number}", "wb") as file: file.write(b"x" * (1 << 20))
        """,
    "huge_file": "def add_one(x):\n    with open('/tmp/ttscale_big', 'wb') as file:\n        while True: file.write(b'x' * (1 << 20))",
    "memfd_hog": """
        import os
        def add_one(x):
            kept = []
            while True:
                kept.append(os.memfd_create("x"))
                os.write(kept[-1], b"x" * (1 << 20))
        """,
    "deep_recursion": "import sys\nsys.setrecursionlimit(10 ** 9)\ndef add_one(x): return add_one(x) + 1",
    "recursion_in_repr": "class Deep(Exception):\n    def __str__(self): return str(self)\ndef add_one(x): raise Deep()",
    "stdout_flood": "def add_one(x):\n    while True: print('x' * 65536)",
    "open_every_fd": "import os\ndef add_one(x):\n    while True: os.open('/dev/null', os.O_RDONLY)",
    "hash_collisions": "def add_one(x): return {i * (2 ** 61 - 1) for i in range(30000)}",
    # --- getting out
    "write_outside": """
        import os
        written = []
        for path in ("/canary", "/usr/canary", "/etc/canary", "/dev/canary", "/opt/ttscale/canary", "/root/canary", "/var/tmp/canary"):
            try: open(path, "w").write("was here"); written.append(path)
            except OSError: pass
        def add_one(x): return x + 1 if written else None
        """,
    "patch_ttscale_on_disk": """
        import glob
        written = []
        for path in glob.glob("/opt/ttscale/**/*.py", recursive=True):
            try: open(path, "a").write("\\nimport os; os._exit(0)\\n"); written.append(path)
            except OSError: pass
        def add_one(x): return x + 1 if written else None
        """,
    "symlink_out": """
        import os
        def add_one(x):
            os.symlink("/", "/tmp/root")
            try: open("/tmp/root/usr/canary", "w")
            except OSError: return None
            return x + 1
        """,
    "remount": """
        import ctypes, os
        libc = ctypes.CDLL(None)
        done = [libc.mount(b"none", b"/usr", None, 32 | 4096, None), libc.umount2(b"/tmp", 2), libc.mount(b"/", b"/tmp", None, 4096, None)]
        def add_one(x): return x + 1 if 0 in done else None
        """,
    "nested_namespaces": """
        import ctypes, os
        libc = ctypes.CDLL(None)
        libc.unshare(0x10000000 | 0x20000 | 0x20000000)
        libc.mount(b"/usr", b"/usr", None, 32 | 4096, None)
        libc.mount(b"none", b"/", None, 32, None)
        written = []
        for path in ("/usr/canary", "/canary", "/opt/ttscale/canary"):
            try: open(path, "w").write("was here"); written.append(path)
            except OSError: pass
        def add_one(x): return x + 1 if written else None
        """,
    "become_root": """
        import os
        done = []
        for call in (os.setuid, os.setgid):
            try: call(0); done.append(call)
            except OSError: pass
        def add_one(x): return x + 1 if done and os.geteuid() == 0 and os.access("/usr", os.W_OK) else None
        """,
    "chroot_out": "import os\nos.chroot('/tmp')\ndef add_one(x): return x + 1",
    "network": """
        import socket
        reached = []
        for address in (("127.0.0.1", CANARY_PORT), ("1.1.1.1", 53), ("169.254.169.254", 80)):
            try: reached.append(socket.create_connection(address, timeout=0.2))
            except OSError: pass
        def add_one(x): return x + 1 if reached else None
        """,
    "unix_sockets": """
        import glob, socket
        reached = []
        for path in [*glob.glob("/run/**/*", recursive=True), *glob.glob("/tmp/**/*", recursive=True), "\\0canary"]:
            try: s = socket.socket(socket.AF_UNIX); s.connect(path); reached.append(path)
            except OSError: pass
        def add_one(x): return x + 1 if reached else None
        """,
    "terminal_injection": """
        import fcntl, termios
        done = []
        for fd in range(3):
            for byte in b"echo was here\\n":
                try: fcntl.ioctl(fd, termios.TIOCSTI, bytes([byte])); done.append(byte)
                except OSError: pass
        try: open("/dev/tty").read(1); done.append(1)
        except OSError: pass
        def add_one(x): return x + 1 if done else None
        """,
    "devices": """
        import glob
        opened = []
        for path in ["/dev/mem", "/dev/kmsg", "/dev/vda", "/dev/sda", "/dev/fuse", "/dev/kvm", *glob.glob("/dev/loop*")]:
            try: opened.append(open(path, "rb"))
            except OSError: pass
        def add_one(x): return x + 1 if opened else None
        """,
    "raise_own_limits": """
        import resource
        done = []
        for which in (resource.RLIMIT_AS, resource.RLIMIT_CPU, resource.RLIMIT_NPROC, resource.RLIMIT_FSIZE):
            try: resource.setrlimit(which, (resource.RLIM_INFINITY, resource.RLIM_INFINITY)); done.append(which)
            except (OSError, ValueError): pass
        def add_one(x): return x + 1 if done else None
        """,
    "left_by_another": """
        import os
        found = os.listdir("/tmp")
        open("/tmp/ttscale_for_the_next", "w").write("hello")
        def add_one(x): return x + 1 if found else None
        """,
    "found_from_another": "import os\nfound = os.path.exists('/tmp/ttscale_for_the_next')\ndef add_one(x): return x + 1 if found else None",
    "shared_memory_from_another": """
        from multiprocessing import shared_memory
        def add_one(x):
            try: block = shared_memory.SharedMemory(name="ttscale_canary", create=True, size=10)
            except FileExistsError: return x + 1
            except OSError: return None
            return None
        """,
    # --- the kernel's surface, where numbers are those of x86-64
    "io_uring": """
        import ctypes
        ring = ctypes.CDLL(None).syscall(425, 8, ctypes.create_string_buffer(120))
        def add_one(x): return x + 1 if ring >= 0 else None
        """,
    "userfaultfd": "import ctypes\nfd = ctypes.CDLL(None).syscall(323, 1)\ndef add_one(x): return x + 1 if fd >= 0 else None",
    "bpf": "import ctypes\nfd = ctypes.CDLL(None).syscall(321, 0, ctypes.create_string_buffer(64), 64)\ndef add_one(x): return x + 1 if fd >= 0 else None",
    "user_namespace": """
        import ctypes, os
        libc = ctypes.CDLL(None)
        done = [libc.unshare(0x10000000) == 0]
        for flags in (0x10000000, 0x10020000, 0x50000000):
            pid = libc.syscall(56, flags | 17, 0, 0, 0, 0)
            if pid == 0: os._exit(0)
            done.append(pid > 0)
        pid = libc.syscall(435, (ctypes.c_uint64 * 11)(0x10000000, 0, 0, 0, 17), 88)
        if pid == 0: os._exit(0)
        done.append(pid > 0)
        def add_one(x): return x + 1 if any(done) else None
        """,
    "descriptors_of_others": """
        import ctypes, os
        libc = ctypes.CDLL(None)
        got = []
        for pid in range(1, 400):
            if pid == os.getpid(): continue
            try: handle = os.pidfd_open(pid)
            except OSError: continue
            got += [fd for fd in range(40) if libc.syscall(438, handle, fd, 0) >= 0]
        def add_one(x): return x + 1 if got else None
        """,
    "memory_of_others": """
        import ctypes, os
        libc = ctypes.CDLL(None)
        buffer = ctypes.create_string_buffer(8)
        class Piece(ctypes.Structure): _fields_ = [("at", ctypes.c_void_p), ("size", ctypes.c_size_t)]
        here, there = Piece(ctypes.addressof(buffer), 8), Piece(id(object), 8)
        read = [pid for pid in range(1, 400) if libc.process_vm_readv(pid, ctypes.byref(here), 1, ctypes.byref(there), 1, 0) > 0]
        def add_one(x): return x + 1 if [pid for pid in read if pid != os.getpid()] else None
        """,
    "signals_through_descriptors": """
        import fcntl, os, signal, time
        for fd in range(3, 40):
            for owner in (1, -1, os.getppid()):
                try:
                    fcntl.fcntl(fd, fcntl.F_SETSIG, signal.SIGKILL); fcntl.fcntl(fd, fcntl.F_SETOWN, owner)
                    fcntl.fcntl(fd, fcntl.F_SETFL, fcntl.fcntl(fd, fcntl.F_GETFL) | os.O_ASYNC)
                except OSError: pass
        def add_one(x): return x
        """,
    "descriptors_in_flight": """
        import socket
        def add_one(x):
            kept = [socket.socketpair() for _ in range(9)]
            for one, other in kept:
                try:
                    while True: socket.send_fds(one, [b"x"], [one.fileno(), other.fileno()] * 30)
                except OSError: pass
            return x
        """,
    "descriptors_to_the_tests": """
        import os, socket
        def add_one(x):
            for fd in range(3, 20):
                try: socket.send_fds(socket.socket(fileno=os.dup(fd)), [b"\\0\\0\\0\\x0d" + b'{"value": 99}'], [0, 1, 2])
                except OSError: pass
            return x
        """,
    # --- an error, which counts for nothing, in place of a wrong answer
    "forge_an_array": """
        import os, json, struct
        def add_one(x):
            for body in ({"nd": ["<i8", [1], "00" * 8]}, {"pf": [["range", 0, None]]}, {"no": [[1], [{"h": 0}]]}):
                text = json.dumps({"value": body}).encode()
                for fd in range(3, 10):
                    try: os.write(fd, struct.pack(">I", len(text)) + text)
                    except OSError: pass
            return x
        """,
    "forge_an_import_error": "def add_one(x): raise ImportError(\"No module named 'numpy'\")",
    "forge_a_name_error": "def add_one(x): raise NameError(\"name 'check' is not defined\")",
    "forge_a_stand_in": "def add_one(x): raise TypeError(\"'Handle' object is not callable\")",
    "forge_notes": """
        class Bare(NameError):
            def add_note(self, note): pass
        def add_one(x): raise Bare("x")
        """,
    # --- not programs at all
    "null_bytes": "def add_one(x):\x00 return x + 1",
    "lone_surrogate": "def add_one(x): return '\ud800' and x",
    "syntax_error": "def add_one(x) return x + 1",
    "parser_bomb": "(" * 100_000,
    "constant_bomb": "x = ((((((9**9)**9)**9)**9)**9)**9)**9\ndef add_one(x): return x",
    "terminal_escapes": "\x1b]0;was here\x07\x1b[2J",
    "no_function": "print('hello')",
    "function_is_data": "add_one = 2",
}

HOSTILE = {name: dedent(source).strip("\n") for name, source in _SOURCES.items()}
