//! The worker's side of the conversation, with a shell as the process of a part.
#![allow(clippy::unwrap_used)]
use super::*;

struct Told {
    built: Result<Built, Failure>,
    events: Vec<Value>,
    took: Duration,
}

fn shell(script: &str, limit: Option<Duration>, cancelled: &dyn Fn() -> bool) -> Told {
    let work = tempfile::tempdir().unwrap();
    let program = Program { path: "/bin/sh".into(), arguments: vec!["-c".into(), script.into()], home: work.path().to_owned() };
    let job = PartJob {
        root: work.path().to_owned(),
        file: work.path().join("a.alloy.json"),
        folder: work.path().to_owned(),
        work: work.path().to_owned(),
        memory_bytes: Some(1 << 30),
        threads: 1,
        offline: true,
    };
    let (mut events, started) = (Vec::new(), Instant::now());
    let built = build(&program, &job, limit, cancelled, &mut |event| events.push(event.clone()));
    Told { built, events, took: started.elapsed() }
}

fn failure(script: &str) -> Failure {
    shell(script, None, &|| false).built.unwrap_err()
}

#[test]
fn events_are_handed_on_and_the_last_line_is_the_answer() {
    let told = shell(
        r#"read job; echo noise; echo '{"event":"stage-started","stage":"x"}'; echo '{"event":"built","result":{"a":1},"document":"d"}'"#,
        None,
        &|| false,
    );
    assert_eq!(told.events.len(), 1);
    let built = told.built.unwrap();
    assert_eq!((built.document.as_str(), &built.result["a"]), ("d", &serde_json::json!(1)));
}

#[test]
fn a_report_is_told_with_its_problems_and_places() {
    let failure = failure(
        r#"read job; echo '{"event":"error","code":"recipe-refused","message":"no","problems":[{"message":"m","place":{"file":"f","line":3,"column":4,"member":"a.b"},"hints":["h"]}],"causes":["c"]}'"#,
    );
    assert_eq!((failure.code.as_str(), failure.message.as_str(), failure.stopped), ("recipe-refused", "no", false));
    assert_eq!(failure.details, "f:3:4: `a.b`: m\nhint: h\nbecause: c");
}

#[test]
fn every_way_to_end_without_an_answer_is_explained() {
    for (script, code, message) in [
        ("read job; kill -9 $$", "killed", "signal 9"),
        ("read job; kill -11 $$", "crashed", "signal 11"),
        ("read job; exit 3", "crashed", "exit code 3"),
        ("exit 0", "crashed", "exit code 0"),
        (
            "read job; echo 'memory allocation of 5 bytes failed' >&2; kill -6 $$",
            "out-of-memory",
            "memory limit of 1073741824 bytes",
        ),
    ] {
        let failure = failure(script);
        assert_eq!(failure.code, code, "{script}");
        assert!(failure.message.contains(message), "{}", failure.message);
    }
    let program = Program { path: "/nowhere/at/all".into(), arguments: Vec::new(), home: "/".into() };
    let job = PartJob {
        root: "/".into(),
        file: "a".into(),
        folder: "/".into(),
        work: "/".into(),
        memory_bytes: None,
        threads: 1,
        offline: true,
    };
    let failure = build(&program, &job, None, &|| false, &mut |_| {}).unwrap_err();
    assert_eq!(failure.code, "part-start");
}

#[test]
fn a_part_that_takes_too_long_is_asked_to_stop_and_its_own_words_do_not_hide_why() {
    let script = r#"read job; cat > /dev/null; echo '{"event":"error","code":"cancelled","message":"stopped"}'"#;
    let told = shell(script, Some(Duration::from_millis(100)), &|| false);
    let failure = told.built.unwrap_err();
    assert_eq!((failure.code.as_str(), failure.stopped), ("time-limit", false));
    assert!(told.took < STOP_GRACE, "it was killed though it stopped when asked");
}

#[test]
fn asked_to_stop_the_part_is_not_at_fault() {
    let started = Instant::now();
    let told = shell("read job; cat > /dev/null", None, &|| started.elapsed() > Duration::from_millis(100));
    let failure = told.built.unwrap_err();
    assert!(failure.stopped && failure.code == "cancelled", "{failure:?}");
}
