//! The worker, in one process: what it takes, what it leaves, and what it says.

use std::cell::RefCell;
use std::fs;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use aw_line::{
    Builder, Control, Failed, Finished, Heartbeat, Job, Root, Station, Stop, Until, Worked, WorkerName, WorkerOptions,
    WorkerState, work,
};

use crate::support::{files, line, log, name, new};

/// Builds what the part says: `{"fail": ..}`, `{"unknown": ..}`, or anything.
#[derive(Default)]
struct Plain {
    built: Mutex<Vec<String>>,
}

impl Builder for Plain {
    fn check(&self, job: &Job) -> Result<(), Failed> {
        let text = String::from_utf8_lossy(&job.bytes);
        if text.contains("unknown") { Err(Failed::new("unknown stage type `unknown`")) } else { Ok(()) }
    }

    fn build(&self, job: &Job, control: &Control<'_>) -> Result<Finished, Failed> {
        let text = String::from_utf8_lossy(&job.bytes);
        control.progress("first", Some(0.5));
        self.built.lock().unwrap().push(job.part.to_string());
        while text.contains("wait") {
            if control.is_stopped() {
                return Err(Failed { stage: Some("first".into()), ..Failed::new("stopped") });
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        if text.contains("fail") {
            return Err(Failed { stage: Some("first".into()), ..Failed::new("it fails") });
        }
        Ok(Finished { forged_dir: Root::artifact(&job.part), ..Finished::default() })
    }
}

fn options(until: Until) -> WorkerOptions {
    WorkerOptions { until, interval: Duration::from_millis(50), ..WorkerOptions::default() }
}

fn drain(root: &Root) -> (Worked, Vec<String>, Vec<String>) {
    let (builder, told) = (Plain::default(), RefCell::new(Vec::new()));
    let worked = work(root, &builder, &options(Until::Drained), &Stop::default(), &|event| {
        told.borrow_mut().push(format!("{event:?}"));
    });
    (worked.unwrap(), builder.built.into_inner().unwrap(), told.into_inner())
}

fn put(root: &Root, file: &str, text: &str) {
    fs::write(root.station(Station::Intake).join(file), text).unwrap();
}

#[test]
fn it_builds_in_order_and_puts_failures_aside() {
    let (_folder, root) = line(&["b", "a", "fail", "unknown", "c"]);
    let (worked, built, _) = drain(&root);
    assert_eq!(worked, Worked { finished: 3, failed: 2, recovered: 0 });
    assert_eq!(built, ["b", "a", "fail", "c"], "what cannot be built is not begun");
    assert_eq!(log(&root).len(), 15);
    assert_eq!(
        log(&root)[5..9],
        ["started b.alloy.json", "finished b.alloy.json", "started a.alloy.json", "finished a.alloy.json"]
    );
    let beat = Heartbeat::look(&root, &WorkerName::default()).unwrap().unwrap();
    assert_eq!((beat.stale_heartbeat, beat.state), (false, Some(WorkerState::Offline)));
    let error = fs::read_to_string(root.station(Station::Rework).join("fail.error.json")).unwrap();
    assert!(error.contains("\"stage\": \"first\"") && error.contains("it fails"), "{error}");
}

#[test]
fn what_strangers_put_there_is_taken_or_refused_loudly() {
    let (_folder, root) = line(&["a"]);
    drain(&root);
    put(&root, "a.alloy.json", "{\"name\":\"another\"}");
    put(&root, "b.origin.json", "{}");
    put(&root, "b.alloy.json", "{}");
    put(&root, "broken.alloy.json", "{\"name\":");
    put(&root, "list.alloy.json", "[]");
    put(&root, "no stem.alloy.json", "{}");
    put(&root, "huge.alloy.json", "");
    let huge = fs::File::options().write(true).open(root.station(Station::Intake).join("huge.alloy.json")).unwrap();
    huge.set_len(1 << 40).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", root.station(Station::Intake).join("link.alloy.json")).unwrap();
    fs::create_dir(root.station(Station::Intake).join("folder.alloy.json")).unwrap();
    rustix_mkfifo(&root);
    // Written long ago, so nobody is writing them any more.
    for file in ["broken.alloy.json", "list.alloy.json", "huge.alloy.json"] {
        let time = std::time::SystemTime::now() - Duration::from_secs(60);
        aw_disk::set_modified(&root.station(Station::Intake).join(file), time).unwrap();
    }
    let (worked, built, told) = drain(&root);
    assert_eq!((worked.finished, worked.failed), (1, 3), "{told:?}");
    assert_eq!(built, ["b"]);
    for expected in [
        "finished/a.alloy.json",
        "finished/b.origin.json",
        "rework/a.duplicate1.alloy.json",
        "rework/a.duplicate1.error.json",
        "rework/broken.error.json",
        "rework/huge.error.json",
        "rework/list.error.json",
        "intake/link.alloy.json",
        "intake/folder.alloy.json",
        "intake/fifo.alloy.json",
        "intake/no stem.alloy.json",
    ] {
        assert!(files(&root).contains(&expected.to_owned()), "{expected}: {:?}", files(&root));
    }
    for file in ["link", "folder", "fifo", "no stem"] {
        assert_eq!(told.iter().filter(|event| event.contains("Odd") && event.contains(file)).count(), 1, "{file}: {told:?}");
    }
    let broken = fs::read_to_string(root.station(Station::Rework).join("broken.error.json")).unwrap();
    assert!(broken.contains("line 1 column"), "{broken}");
    let enqueued = |part: &str| log(&root).iter().filter(|line| **line == format!("enqueued {part}.alloy.json")).count();
    assert_eq!((enqueued("a"), enqueued("b"), enqueued("broken")), (1, 1, 1), "{:?}", log(&root));
}

fn rustix_mkfifo(root: &Root) {
    let path = root.station(Station::Intake).join("fifo.alloy.json");
    assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
}

#[test]
fn a_part_that_is_still_being_written_is_waited_for() {
    let (_folder, root) = line(&[]);
    put(&root, "slow.alloy.json", "{\"name\":");
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(300));
            put(&root, "slow.alloy.json", "{\"name\":\"slow\"}");
        });
        let (worked, ..) = drain(&root);
        assert_eq!((worked.finished, worked.failed), (1, 0));
    });
}

#[test]
fn an_idle_worker_wakes_for_a_part_and_stops_when_asked() {
    let (_folder, root) = line(&[]);
    let (builder, stop) = (Plain::default(), Stop::default());
    std::thread::scope(|scope| {
        let worker = scope.spawn(|| work(&root, &builder, &options(Until::Stopped), &stop, &|_| {}).unwrap());
        let started = Instant::now();
        let beat = || Heartbeat::look(&root, &WorkerName::default()).unwrap();
        while beat().and_then(|beat| beat.state) != Some(WorkerState::Idle) {
            assert!(started.elapsed() < Duration::from_secs(20));
            std::thread::sleep(Duration::from_millis(2));
        }
        // One that comes by the protocol of others, by renaming.
        put(&root, ".x.tmp", "{}");
        let put_at = Instant::now();
        fs::rename(root.station(Station::Intake).join(".x.tmp"), root.part(Station::Intake, &name("x"))).unwrap();
        while !root.part(Station::Finished, &name("x")).exists() {
            assert!(put_at.elapsed() < Duration::from_secs(4), "it was not woken");
            std::thread::sleep(Duration::from_millis(2));
        }
        stop.set();
        assert_eq!(worker.join().unwrap().finished, 1);
    });
    assert_eq!(log(&root), ["enqueued x.alloy.json", "started x.alloy.json", "finished x.alloy.json"]);
}

#[test]
fn a_build_is_left_when_the_worker_stops_and_fails_when_it_is_cancelled() {
    let (_folder, root) = line(&["wait"]);
    let building = |root: &Root| {
        let beat = Heartbeat::look(root, &WorkerName::default()).unwrap();
        beat.is_some_and(|beat| beat.state == Some(WorkerState::Building) && beat.last.unwrap().stage.as_deref() == Some("first"))
    };
    for cancel in [false, true] {
        let (builder, stop) = (Plain::default(), Stop::default());
        std::thread::scope(|scope| {
            let until = if cancel { Until::Once } else { Until::Stopped };
            let worker = scope.spawn({
                let (root, builder, stop) = (&root, &builder, &stop);
                move || work(root, builder, &options(until), stop, &|_| {}).unwrap()
            });
            let started = Instant::now();
            while !building(&root) {
                assert!(started.elapsed() < Duration::from_secs(20), "it does not build");
                std::thread::sleep(Duration::from_millis(2));
            }
            if cancel {
                root.hold().unwrap().cancel(&name("wait.retry1"), Some("a mistake")).unwrap();
            } else {
                stop.set();
            }
            let worked = worker.join().unwrap();
            assert_eq!(worked.failed, u64::from(cancel));
        });
        let expected: &[&str] = if cancel {
            &["rework/wait.retry1.alloy.json", "rework/wait.retry1.error.json"]
        } else {
            &["assembly/.wait.owner", "assembly/wait.alloy.json"]
        };
        assert_eq!(files(&root), expected);
    }
    let error = fs::read_to_string(root.station(Station::Rework).join("wait.retry1.error.json")).unwrap();
    assert!(error.contains("\"error\": \"cancelled\"") && error.contains("a mistake"), "{error}");
}

#[test]
fn clocks_that_jump_lose_nothing_and_build_nothing_twice() {
    let (_folder, root) = line(&["now", "future", "past"]);
    let jump = |stem: &str, years: i64| {
        let distance = Duration::from_secs(years.unsigned_abs() * 31_557_600);
        let now = std::time::SystemTime::now();
        let time = if years < 0 { now - distance } else { now + distance };
        aw_disk::set_modified(&root.part(Station::Intake, &name(stem)), time).unwrap();
    };
    jump("future", 20);
    jump("past", -70);
    let (worked, built, _) = drain(&root);
    assert_eq!((worked.finished, built), (3, ["past", "now", "future"].map(str::to_owned).to_vec()));
    // A heartbeat of a time to come is no more believed than an old one.
    let mut beat = Heartbeat::look(&root, &WorkerName::default()).unwrap().unwrap().last.unwrap();
    (beat.state, beat.host, beat.last_beat_at) = (WorkerState::Idle, "elsewhere".into(), "2999-01-01T00:00:00Z".into());
    beat.write(&root, &WorkerName::default()).unwrap();
    let seen = Heartbeat::look(&root, &WorkerName::default()).unwrap().unwrap();
    assert_eq!((seen.stale_heartbeat, seen.state), (true, None));
}

#[test]
fn what_a_power_cut_left_is_put_in_order() {
    let (_folder, root) = line(&["a", "b", "c"]);
    // A result without its part, a sidecar that did not come along, a log without its last lines, half-written files.
    fs::write(root.station(Station::Finished).join("a.result.json"), "{}").unwrap();
    fs::rename(root.part(Station::Intake, &name("a")), root.part(Station::Assembly, &name("a"))).unwrap();
    fs::write(root.station(Station::Intake).join("a.origin.json"), "{}").unwrap();
    fs::rename(root.part(Station::Intake, &name("b")), root.part(Station::Deferred, &name("b"))).unwrap();
    let text = fs::read_to_string(root.log()).unwrap();
    fs::write(root.log(), &text[..text.len() - 5]).unwrap();
    let old = root.station(Station::Intake).join(".x.tmp");
    fs::write(&old, "").unwrap();
    aw_disk::set_modified(&old, std::time::SystemTime::now() - Duration::from_secs(7200)).unwrap();
    put(&root, ".y.tmp", "");
    let (worked, built, _) = drain(&root);
    assert_eq!((worked.finished, worked.recovered), (2, 1));
    assert_eq!(built.len(), 2);
    let expected = [
        "deferred/b.alloy.json",
        "finished/a.retry1.alloy.json",
        "finished/a.retry1.origin.json",
        "finished/a.retry1.result.json",
        "finished/c.alloy.json",
        "finished/c.result.json",
        "intake/.y.tmp",
    ];
    assert_eq!(files(&root), expected);
    let of = |part: &str| log(&root).into_iter().filter(|line| line.contains(&format!(" {part}."))).collect::<Vec<_>>();
    assert_eq!(of("b"), ["enqueued b.alloy.json", "deferred b.alloy.json"]);
    assert_eq!(of("c"), ["enqueued c.alloy.json", "started c.alloy.json", "finished c.alloy.json"]);
    let again = log(&root);
    drain(&root);
    assert_eq!(log(&root), again, "what is in order is left alone");
}

#[test]
fn ten_thousand_parts_with_garbage_among_them() {
    let (_folder, root) = line(&[]);
    let parts: Vec<_> = (0..10_000).map(|n| new(&format!("part-{n:05}"))).collect();
    assert!(root.enqueue(&parts, aw_line::Turn::Last).unwrap().into_iter().all(|outcome| outcome.is_ok()));
    for n in 0..500 {
        put(&root, &format!("garbage {n}.alloy.json"), "{}");
        put(&root, &format!("part-{n:05}.retry7.alloy.json"), "{}");
        put(&root, &format!("stray{n}.json"), "x");
    }
    let builder = Plain::default();
    let limited = WorkerOptions { max_parts: Some(100), ..options(Until::Drained) };
    let worked = work(&root, &builder, &limited, &Stop::default(), &|_| {}).unwrap();
    assert_eq!(worked.finished, 100);
    let built = builder.built.into_inner().unwrap();
    assert_eq!((built[0].as_str(), built[99].as_str()), ("part-00000", "part-00099"));
    let count = |station| root.list(station).unwrap().parts.len();
    assert_eq!(
        (count(Station::Intake), count(Station::Finished), count(Station::Rework), count(Station::Assembly)),
        (9_900, 100, 500, 0)
    );
    assert_eq!(root.duplicates().unwrap(), []);
}
