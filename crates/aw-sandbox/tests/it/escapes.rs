//! Ways out of the sandbox, tried for real, under both isolations. Each attempt is a Python program that passes only when it was refused;
//! where it does no harm it is run outside too, where it must get through, so that no attempt passes because it was written wrongly.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use aw_sandbox::python::{Python, Verdict};
use aw_sandbox::{End, Isolation, Limits, Outcome, Program, Sandbox, Unavailable};

fn limits() -> Limits {
    Limits { wall: Duration::from_secs(30), cpu: Duration::from_secs(20), ..Limits::default() }
}

/// The isolations this machine has; at least one, or the tests say that they tested nothing.
fn isolations() -> Vec<Isolation> {
    let report = Sandbox::check();
    eprintln!("{report}");
    let mut isolations = Vec::new();
    for (isolation, refusal) in [(Isolation::Namespaces, &report.namespaces), (Isolation::Landlock, &report.landlock)] {
        match refusal {
            None => isolations.push(isolation),
            Some(refusal) => eprintln!("skipped: {isolation:?}, since {refusal}"),
        }
    }
    isolations
}

fn python() -> Python {
    Python::find(None).unwrap()
}

/// Helpers for attempts.
const PRELUDE: &str = r#"
import os, sys, errno
def refused(attempt, *arguments, **named):
    try:
        got = attempt(*arguments, **named)
    except OSError as error:
        assert error.errno in (errno.EPERM, errno.EACCES, errno.ENOENT, errno.EROFS, errno.ENOSYS, errno.ENETUNREACH, errno.EXDEV), error
        return
    raise AssertionError(f"not refused: {attempt.__name__}{arguments} gave {got!r}")
"#;

/// What is tried: a name, the attempt, and whether it may be tried outside, where it must get through.
const ATTEMPTS: &[(&str, &str, bool)] = &[
    ("reading a file everyone may read", "refused(open, '/etc/passwd')", true),
    ("reading another process", "refused(open, '/proc/1/status')", true),
    ("reading its own memory map", "refused(open, '/proc/self/maps')", true),
    ("listing the home folder", "refused(os.listdir, os.path.dirname(SECRET))", true),
    ("reading a file of ours", "refused(open, SECRET)", true),
    ("reading it by a detour", "refused(open, '/usr/lib/../..' + SECRET)", true),
    ("writing to /tmp", "refused(open, f'/tmp/escape-{os.getpid()}', 'x')", true),
    ("writing to a file of ours", "refused(open, SECRET, 'a')", true),
    (
        "writing beside the interpreter's files",
        "import json\nrefused(open, os.path.dirname(json.__file__) + '/escaped', 'x')",
        false,
    ),
    ("emptying a file by its path", "refused(os.truncate, SECRET, 0)", false),
    ("changing a mode", "refused(os.chmod, SECRET, 0o777)", true),
    ("changing an owner", "refused(os.chown, SECRET, 0, 0)", false),
    ("changing times", "refused(os.utime, SECRET)", true),
    ("making a device", "refused(os.mknod, '/tmp/escape-null', 0o666 | 0o20000, os.makedev(1, 3))", false),
    ("a raw disk", "refused(open, '/dev/vda', 'rb')", false),
    ("TCP", "import socket\nrefused(socket.socket, socket.AF_INET, socket.SOCK_STREAM)", true),
    ("UDP", "import socket\nrefused(socket.socket, socket.AF_INET, socket.SOCK_DGRAM)", true),
    ("TCP over IPv6", "import socket\nrefused(socket.socket, socket.AF_INET6, socket.SOCK_STREAM)", false),
    ("a Unix socket", "import socket\nrefused(socket.socket, socket.AF_UNIX)", true),
    (
        "an abstract socket",
        "import socket\ndef bind():\n    s = socket.socket(socket.AF_UNIX)\n    s.bind('\\0escape-%d' % os.getpid())\nrefused(bind)",
        true,
    ),
    ("a netlink socket", "import socket\nrefused(socket.socket, socket.AF_NETLINK, socket.SOCK_RAW, 0)", true),
    ("a vsock", "import socket\nrefused(socket.socket, 40, socket.SOCK_STREAM)", false),
    ("a pair of sockets", "import socket\nrefused(socket.socketpair)", true),
    ("connecting to this machine", "import socket\nrefused(socket.create_connection, ('127.0.0.1', PORT), 2)", true),
    (
        "asking for a name",
        "import socket\ntry: socket.getaddrinfo('localhost', 80)\nexcept socket.gaierror: pass\nelse: raise AssertionError('it was answered')",
        true,
    ),
    ("forking", "refused(os.fork)", false),
    ("a program in a child", "import subprocess\nrefused(subprocess.run, [sys.executable, '-c', 'pass'])", true),
    (
        "a child that outlives its caller",
        "refused(os.posix_spawn, sys.executable, ['python3', '-c', 'import os, time; os.setsid(); time.sleep(60)'], {})",
        false,
    ),
    ("a session of its own", "refused(os.setsid)", false),
    ("a signal to its caller", "refused(os.kill, os.getppid() or 1, 0)", true),
    ("a signal to everyone", "refused(os.kill, -1, 0)", false),
    ("a signal to itself", "refused(os.kill, os.getpid(), 0)", true),
    (
        "a signal by way of a pipe",
        "import fcntl\nr, w = os.pipe()\nrefused(fcntl.fcntl, r, fcntl.F_SETOWN, os.getppid() or 1)",
        true,
    ),
    (
        "a descriptor of another process",
        "import ctypes\nc = ctypes.CDLL(None, use_errno=True)\ndef pidfd():\n    if c.syscall(434, PARENT, 0) < 0: raise OSError(ctypes.get_errno(), '')\nrefused(pidfd)",
        true,
    ),
    (
        "tracing",
        "import ctypes\nc = ctypes.CDLL(None, use_errno=True)\ndef ptrace():\n    if c.ptrace(0, 0, None, None) < 0: raise OSError(ctypes.get_errno(), '')\nrefused(ptrace)",
        false,
    ),
    (
        "mounting",
        "import ctypes\nc = ctypes.CDLL(None, use_errno=True)\ndef mount():\n    if c.mount(b'tmpfs', b'/usr', b'tmpfs', 0, None) < 0: raise OSError(ctypes.get_errno(), '')\nrefused(mount)",
        false,
    ),
    (
        "new namespaces",
        "import ctypes\nc = ctypes.CDLL(None, use_errno=True)\ndef unshare():\n    if c.unshare(0x10000000) < 0: raise OSError(ctypes.get_errno(), '')\nrefused(unshare)",
        false,
    ),
    ("memory that is no address space", "refused(os.memfd_create, 'bomb')", true),
    (
        "raising its limits",
        "import resource\ndef more():\n    try: resource.setrlimit(resource.RLIMIT_AS, (-1, -1))\n    except ValueError as error: raise OSError(errno.EPERM, str(error))\nrefused(more)",
        false,
    ),
    ("another root", "refused(os.chroot, '/usr')", false),
    (
        "the environment of its caller",
        "assert set(os.environ) <= {'HOME', 'LANG', 'OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS', 'PATH', 'PYTHONHASHSEED', 'PYTHONSAFEPATH', 'LC_CTYPE'}, os.environ",
        true,
    ),
    (
        "descriptors of its caller",
        "for fd in range(4, 60):\n    try: os.fstat(fd)\n    except OSError: continue\n    raise AssertionError(f'{fd} is open')",
        false,
    ),
    (
        "capabilities",
        "import ctypes\nc = ctypes.CDLL(None)\nheader = (ctypes.c_uint32 * 2)(0x20080522, 0)\nsets = (ctypes.c_uint32 * 6)()\nassert c.capget(header, sets) < 0 or not any(sets), list(sets)",
        false,
    ),
];

fn with_facts(attempt: &str, secret: &Path, port: u16) -> String {
    let parent = std::process::id();
    format!("{PRELUDE}SECRET = {:?}\nPORT = {port}\nPARENT = {parent}\n{attempt}\n", secret.display().to_string())
}

#[test]
fn ways_out_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "a secret").unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let python = python();
    for isolation in isolations() {
        let sandbox = Sandbox::new(&python.view, limits(), isolation).unwrap();
        assert_eq!(sandbox.isolation(), isolation);
        for (name, attempt, _) in ATTEMPTS {
            let judged = python.judge(&sandbox, &with_facts(attempt, &secret, port), &|| false).unwrap();
            let said = String::from_utf8_lossy(&judged.outcome.stderr);
            assert_eq!(judged.verdict, Verdict::Passed, "{name} under {isolation:?}: {said}");
        }
    }
    assert_eq!(std::fs::read_to_string(&secret).unwrap(), "a secret");
    for (name, attempt, _) in ATTEMPTS.iter().filter(|(_, _, harmless)| *harmless) {
        let outside = Command::new(&python.executable).args(["-c", &with_facts(attempt, &secret, port)]).output().unwrap();
        let said = String::from_utf8_lossy(&outside.stderr).into_owned();
        assert!(!outside.status.success() && said.contains("AssertionError"), "{name} gets through outside: {said}");
    }
}

fn run(python: &Python, sandbox: &Sandbox, code: &str) -> (Verdict, Outcome) {
    let judged = python.judge(sandbox, code, &|| false).unwrap();
    (judged.verdict, judged.outcome)
}

#[test]
fn bombs_end_at_their_limits() {
    let python = python();
    let limits = Limits {
        wall: Duration::from_secs(6),
        cpu: Duration::from_secs(3),
        memory_bytes: 256 << 20,
        output_bytes: 1000,
        ..limits()
    };
    for isolation in isolations() {
        let sandbox = Sandbox::new(&python.view, limits, isolation).unwrap();
        let (verdict, outcome) = run(&python, &sandbox, "while True: pass");
        assert_eq!(verdict, Verdict::TimedOut, "{isolation:?} {outcome:?}");
        let (verdict, outcome) = run(&python, &sandbox, "import time\ntime.sleep(60)");
        assert_eq!((verdict, outcome.end), (Verdict::TimedOut, End::WallTime));
        assert!(outcome.wall < Duration::from_secs(20), "{outcome:?}");
        let (verdict, _) = run(
            &python,
            &sandbox,
            "import signal\nfor s in range(1, 65):\n    try: signal.signal(s, signal.SIG_IGN)\n    except (OSError, ValueError): pass\nwhile True: pass",
        );
        assert_eq!(verdict, Verdict::TimedOut, "ignoring signals");
        let (verdict, _) = run(&python, &sandbox, "x = []\nwhile True: x.append(bytearray(1 << 24))");
        assert_eq!(verdict, Verdict::Failed("MemoryError".into()));
        let (verdict, outcome) = run(&python, &sandbox, "while True: print('x' * 100)");
        assert_eq!((verdict, outcome.stdout.len()), (Verdict::TooMuchOutput, 1000));
        let (verdict, outcome) = run(&python, &sandbox, "import sys\nwhile True: sys.stderr.write('x' * 100)");
        assert_eq!((verdict, outcome.stderr.len()), (Verdict::TooMuchOutput, 1000));
        let (verdict, outcome) = run(&python, &sandbox, "import os\nwhile True: os.write(3, b'x' * 100)");
        assert_eq!((verdict, outcome.report.len()), (Verdict::TooMuchOutput, 1000));
        let (verdict, _) = run(&python, &sandbox, "import threading\nwhile True: threading.Thread(target=print).start()");
        assert!(matches!(&verdict, Verdict::Failed(why) if why.contains("start new thread")), "{verdict:?}");
        let (verdict, _) = run(&python, &sandbox, "import os\nopened = []\nwhile True: opened.append(os.pipe())");
        assert!(matches!(&verdict, Verdict::Failed(why) if why.contains("Too many open files")), "{verdict:?}");
        let (verdict, _) = run(&python, &sandbox, "import ctypes\nctypes.string_at(0)");
        assert_eq!(verdict, Verdict::Killed(11));
        let (verdict, _) = run(&python, &sandbox, "import sys\nsys.setrecursionlimit(10**9)\ndef f(): f()\nf()");
        assert_ne!(verdict, Verdict::Passed);
    }
}

/// Everything a program may try to be taken for one that passed.
#[test]
fn a_pass_cannot_be_said_without_running_to_the_end() {
    let python = python();
    let tricks = [
        "print('Passed')\nraise SystemExit(0)",
        "import os\nos._exit(0)",
        "import sys\nsys.exit()",
        "quit()",
        "import os\nos.write(3, b'0' * 32)\nos._exit(0)",
        "import os\nos.write(1, b'passed')\nos.close(3)\nos._exit(0)",
        "import builtins\nbuiltins.AssertionError = type('X', (Exception,), {'__init__': lambda *_: __import__('os')._exit(0)})\nassert False",
        "import sys\nsys.stdin.buffer.read = None\nassert False",
        "import atexit, os\natexit.register(os._exit, 0)\nassert False",
        "import sys\nsys.excepthook = lambda *_: sys.exit(0)\nassert False",
        "import os\nos.execv('/usr/bin/true', ['true'])",
        "import sys, os\nos.execv(sys.executable, [sys.executable, '-c', 'pass'])",
        "def f(:",
        "assert False",
    ];
    for isolation in isolations() {
        let sandbox = Sandbox::new(&python.view, limits(), isolation).unwrap();
        for trick in tricks {
            let (verdict, outcome) = run(&python, &sandbox, trick);
            assert_ne!(verdict, Verdict::Passed, "{trick:?}: {outcome:?}");
        }
        let (verdict, outcome) = run(&python, &sandbox, "x = 1\nassert x == 1\nprint('fine')");
        assert_eq!((verdict, outcome.stdout.as_slice()), (Verdict::Passed, b"fine\n".as_slice()));
        // What is written once the program has ended by itself changes nothing.
        let (verdict, _) = run(&python, &sandbox, "import os\nos.write(3, b'more')");
        assert_ne!(verdict, Verdict::Passed, "a token with anything beside it is no token");
    }
}

#[test]
fn the_folder_to_write_in_has_an_end() {
    let python = python();
    let limits = Limits { scratch_bytes: 4 << 20, ..limits() };
    let refused = Sandbox::new(&python.view, limits, Isolation::Landlock).err().unwrap();
    assert!(matches!(refused, Unavailable::Scratch(_)), "{refused}");
    if !isolations().contains(&Isolation::Namespaces) {
        return;
    }
    let sandbox = Sandbox::new(&python.view, limits, Isolation::Any).unwrap();
    let program = r#"
import os, errno
assert os.getcwd() == "/scratch" and os.listdir(".") == []
with open("note", "w") as out: out.write("x")
assert open("note").read() == "x"
os.symlink("/etc/passwd", "link")
try: open("link")
except FileNotFoundError: pass
else: raise AssertionError("a link led out")
os.symlink("/", "root")
assert sorted(os.listdir("root/..")) == sorted(os.listdir("/")), "nothing above the root"
assert "home" not in os.listdir("/") and "tmp" not in os.listdir("/")
written = 0
try:
    for n in range(100):
        with open(f"fill{n}", "wb") as out:
            for _ in range(32): written += out.write(b"x" * (1 << 16)); out.flush()
except OSError as error:
    assert error.errno == errno.ENOSPC, error
else: raise AssertionError("never full")
assert written <= 4 << 20
for n in range(100): 
    if os.path.exists(f"fill{n}"): os.unlink(f"fill{n}")
try:
    for n in range(10000): open(f"many{n}", "w").close()
except OSError as error: assert error.errno == errno.ENOSPC, error
else: raise AssertionError("any number of files")
"#;
    let (verdict, outcome) = run(&python, &sandbox, program);
    assert_eq!(verdict, Verdict::Passed, "{}", String::from_utf8_lossy(&outcome.stderr));
    let (verdict, _) = run(&python, &sandbox, "import os\nassert os.listdir('.') == []");
    assert_eq!(verdict, Verdict::Passed, "every run has an empty one");
}

#[test]
fn a_caller_can_stop_a_program_and_leaves_none_behind() {
    let python = python();
    for isolation in isolations() {
        let sandbox = Sandbox::new(&python.view, limits(), isolation).unwrap();
        let started = Instant::now();
        let judged =
            python.judge(&sandbox, "import time\ntime.sleep(60)", &|| started.elapsed() > Duration::from_millis(300)).unwrap();
        assert_eq!(judged.verdict, Verdict::Cancelled);
        assert!(started.elapsed() < Duration::from_secs(20));
    }
}

/// A caller that is killed takes its programs with it.
#[test]
fn a_program_ends_with_its_caller() {
    if let Ok(marker) = std::env::var("AW_SANDBOX_CALLER") {
        let isolation = if marker == "namespaces" { Isolation::Namespaces } else { Isolation::Landlock };
        let python = python();
        let sandbox = Sandbox::new(&python.view, limits(), isolation).unwrap();
        let _ = python.judge(&sandbox, "import time\ntime.sleep(25)", &|| false);
        return;
    }
    let of_parent = |parent: u32| -> Vec<u32> {
        let threads = std::fs::read_dir(format!("/proc/{parent}/task")).into_iter().flatten().flatten();
        let children = threads.filter_map(|thread| std::fs::read_to_string(thread.path().join("children")).ok());
        children.flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>()).collect()
    };
    for isolation in isolations() {
        let name = if isolation == Isolation::Namespaces { "namespaces" } else { "landlock" };
        let mut caller = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "escapes::a_program_ends_with_its_caller", "--test-threads=1"])
            .env("AW_SANDBOX_CALLER", name)
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let is_sandboxed = |pid: &u32| {
            std::fs::read(format!("/proc/{pid}/cmdline"))
                .is_ok_and(|line| String::from_utf8_lossy(&line).contains("token, _, program"))
        };
        let until = Instant::now() + Duration::from_secs(20);
        let inside = loop {
            if let Some(pid) = of_parent(caller.id()).into_iter().find(is_sandboxed) {
                break pid;
            }
            assert!(Instant::now() < until, "no program was started under {isolation:?}");
            std::thread::sleep(Duration::from_millis(20));
        };
        caller.kill().unwrap();
        caller.wait().unwrap();
        let until = Instant::now() + Duration::from_secs(20);
        while is_sandboxed(&inside) {
            assert!(Instant::now() < until, "{inside} outlives its caller under {isolation:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

#[test]
fn many_at_once() {
    let python = python();
    let sandbox = Sandbox::new(&python.view, limits(), Isolation::Any).unwrap();
    std::thread::scope(|scope| {
        for n in 0..8 {
            let (python, sandbox) = (&python, &sandbox);
            scope.spawn(move || {
                let (verdict, outcome) = run(python, sandbox, &format!("print({n})"));
                assert_eq!((verdict, outcome.stdout), (Verdict::Passed, format!("{n}\n").into_bytes()));
            });
        }
    });
}

/// What cannot be protected is not run, and the step is named.
#[test]
fn refusals_name_the_step() {
    let python = python();
    for isolation in isolations() {
        let sandbox = Sandbox::new(&python.view, limits(), isolation).unwrap();
        let nothing = Program { path: "/nowhere/program".into(), ..Program::default() };
        let error = sandbox.run(&nothing, &|| false).unwrap_err().to_string();
        assert!(error.contains("not started") && error.contains("starting the program"), "{error}");
        let outside = Program { path: std::env::current_exe().unwrap(), ..Program::default() };
        let error = sandbox.run(&outside, &|| false).unwrap_err().to_string();
        assert!(error.contains("starting the program"), "a program outside the view: {error}");
    }
    for path in ["relative", "/", "/usr/../etc"] {
        let view = aw_sandbox::View { read_only: vec![path.into()] };
        let error = Sandbox::new(&view, limits(), Isolation::Any).err().unwrap().to_string();
        assert!(error.contains("absolute path below the root"), "{error}");
    }
}
