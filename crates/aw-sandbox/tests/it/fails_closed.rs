//! Where a protection cannot be had, nothing runs. A system-call filter on the calling thread takes one away at a time, as older kernels
//! and containers do.

use std::collections::BTreeMap;

use aw_sandbox::{Isolation, Limits, Report, Sandbox, Step, Unavailable, View};
use seccompiler::{SeccompAction, SeccompFilter, SeccompRule, TargetArch};

/// Runs something on a thread for which these system calls fail.
fn without<T: Send>(calls: &[libc::c_long], run: impl FnOnce() -> T + Send) -> T {
    let arch = if cfg!(target_arch = "x86_64") { TargetArch::x86_64 } else { TargetArch::aarch64 };
    let rules: BTreeMap<i64, Vec<SeccompRule>> = calls.iter().map(|call| (*call, Vec::new())).collect();
    let refuse = SeccompAction::Errno(libc::ENOSYS as u32);
    let filter: seccompiler::BpfProgram =
        SeccompFilter::new(rules, SeccompAction::Allow, refuse, arch).unwrap().try_into().unwrap();
    std::thread::scope(|scope| {
        let thread = scope.spawn(move || {
            seccompiler::apply_filter(&filter).unwrap();
            run()
        });
        thread.join().unwrap()
    })
}

fn steps(report: &Report) -> (Option<Step>, Option<Step>) {
    (report.namespaces.as_ref().map(|refusal| refusal.step), report.landlock.as_ref().map(|refusal| refusal.step))
}

#[test]
fn what_is_missing_is_named_and_nothing_runs() {
    let whole = Sandbox::check();
    for (call, step) in [
        (libc::SYS_close_range, Step::Descriptors),
        (libc::SYS_setsid, Step::Session),
        (libc::SYS_prctl, Step::DieWithCaller),
        (libc::SYS_capset, Step::Capabilities),
        (libc::SYS_seccomp, Step::SystemCalls),
        (libc::SYS_prlimit64, Step::Limits),
    ] {
        let report = without(&[call], Sandbox::check);
        assert!(!report.usable(), "{step}: {report}");
        if whole.namespaces.is_none() {
            assert_eq!(steps(&report).0, Some(step), "{report}");
        }
        if whole.landlock.is_none() {
            assert_eq!(steps(&report).1, Some(step), "{report}");
        }
        let refused = without(&[call], || Sandbox::new(&View::default(), Limits::default(), Isolation::Any).err());
        assert!(matches!(refused, Some(Unavailable::Isolation(_))), "{step}: {refused:?}");
    }
}

#[test]
fn one_isolation_stands_in_for_the_other_and_none_for_both() {
    let whole = Sandbox::check();
    let any = || Sandbox::new(&View::default(), Limits::default(), Isolation::Any).map(|sandbox| sandbox.isolation());
    if whole.landlock.is_none() {
        assert_eq!(without(&[libc::SYS_pivot_root], any), Ok(Isolation::Landlock));
        assert_eq!(without(&[libc::SYS_mount_setattr], any), Ok(Isolation::Landlock), "an older kernel");
        let strict = || Sandbox::new(&View::default(), Limits::default(), Isolation::Namespaces).err().unwrap().to_string();
        assert!(without(&[libc::SYS_mount], strict).contains("a file system of its own"));
    }
    if whole.namespaces.is_none() {
        assert_eq!(without(&[libc::SYS_landlock_create_ruleset], any), Ok(Isolation::Namespaces));
    }
    let neither = without(&[libc::SYS_pivot_root, libc::SYS_landlock_create_ruleset], any).unwrap_err().to_string();
    assert!(neither.contains("a file system of its own failed") && neither.contains("Landlock failed"), "{neither}");
}
