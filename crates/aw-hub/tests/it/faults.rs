//! What arrives is right, or an error says what was wrong; what was downloaded is not downloaded again.

use std::sync::atomic::{AtomicU64, Ordering};

use aw_hub::{HubError, Settings};
use aw_testkit::hub::Faults;

use crate::support::*;

#[test]
fn a_revision_becomes_a_commit() {
    let (server, cache) = (start(), tempfile::tempdir().unwrap());
    let hub = hub(&server, cache.path());
    let resolve = |revision| hub.resolve(&REPOSITORY.parse().unwrap(), revision, &|| false);
    assert_eq!(resolve("main").unwrap().as_str(), COMMIT);
    let error = resolve("no/such?branch").unwrap_err();
    assert!(matches!(&error, HubError::NotFound { what, .. } if what.contains("no/such?branch")), "{error}");
}

#[test]
fn everything_arrives_and_the_second_time_nothing_is_asked() {
    let (server, cache) = (start(), tempfile::tempdir().unwrap());
    let hub = hub(&server, cache.path());
    let snapshot = fetch_all(&hub).unwrap();
    assert_eq!(snapshot.files.len(), files().len(), "every page of the listing is read");
    assert!(server.requests().len() > files().len());
    fetch_all(&hub).unwrap();
    assert_eq!(server.requests().len(), 0);
    fetch_all(&offline(&server, cache.path())).unwrap();
    for file in &snapshot.files {
        hub.check(&snapshot, file).unwrap();
    }
}

#[test]
fn the_token_goes_to_the_endpoint_alone_and_into_no_message() {
    let (server, cache) = (start(), tempfile::tempdir().unwrap());
    fetch_all(&hub(&server, cache.path())).unwrap();
    let requests = server.requests();
    let (elsewhere, own): (Vec<_>, Vec<_>) = requests.iter().partition(|request| request.elsewhere);
    assert!(!elsewhere.is_empty() && !own.is_empty());
    assert!(elsewhere.iter().all(|request| !request.headers.contains_key("authorization")));
    assert!(own.iter().all(|request| request.headers["authorization"] == "Bearer hf_very_secret_token"));
    for (status, code) in [(401, ""), (403, "GatedRepo"), (404, "RepoNotFound"), (500, "")] {
        server.faults(Faults { refuse: Some((status, code, "you may not")), ..Faults::default() });
        let error = snapshot(&hub(&server, tempfile::tempdir().unwrap().path())).unwrap_err();
        let all = format!("{error} {error:?} {:?}", error.hint());
        assert!(!all.contains("secret"), "{all}");
    }
    server.faults(Faults { cut: Some((0, 100)), ..Faults::default() });
    let error = fetch_all(&hub(&server, tempfile::tempdir().unwrap().path())).unwrap_err();
    assert!(!format!("{error:?}").contains("secret"), "a signed address is a secret too: {error:?}");
}

#[test]
fn connections_cut_anywhere_are_gone_on_with() {
    for at in [1, 4_096, 65_536, 150_001, 699_999] {
        let (server, cache) = (start(), tempfile::tempdir().unwrap());
        server.faults(Faults { cut: Some((at, 3)), ..Faults::default() });
        fetch_all(&hub(&server, cache.path())).unwrap();
        let asked = server.requests();
        assert!(
            asked
                .iter()
                .any(|request| request.headers.get("range").is_some_and(|range| range.starts_with(&format!("bytes={at}-"))))
        );
        assert!(blobs(cache.path()).iter().all(|name| !name.ends_with(".incomplete")));
    }
}

#[test]
fn a_download_that_died_goes_on_in_the_next_process() {
    let (server, cache) = (start(), tempfile::tempdir().unwrap());
    server.faults(Faults { cut: Some((100_000, 1000)), ..Faults::default() });
    let settings = settings(&server, cache.path());
    let impatient = Settings { patience: aw_hub::Patience { attempts: 1, ..settings.patience }, ..settings };
    let first = aw_hub::Hub::new(impatient).unwrap();
    let listed = snapshot(&first).unwrap();
    // Cancelled after some bytes: what is there stays.
    let asked = AtomicU64::new(0);
    let error = first.fetch(&listed, &all(&listed), &|progress| {
        asked.store(progress.done_bytes, Ordering::Relaxed);
        progress.done_bytes < 250_000
    });
    assert!(matches!(error, Err(HubError::Cancelled)), "{error:?}");
    let partial: Vec<String> = blobs(cache.path()).into_iter().filter(|name| name.ends_with(".incomplete")).collect();
    assert!(!partial.is_empty());
    server.faults(Faults::default());
    server.requests();
    fetch_all(&hub(&server, cache.path())).unwrap();
    assert!(server.requests().iter().any(|request| request.elsewhere && request.headers.contains_key("range")));
}

#[test]
fn wrong_bytes_are_thrown_away_and_told() {
    let (server, cache) = (start(), tempfile::tempdir().unwrap());
    // Once: the second try is right.
    server.faults(Faults { corrupt: 1, ..Faults::default() });
    fetch_all(&hub(&server, cache.path())).unwrap();
    // Always: refused, and nothing of it is kept.
    let cache = tempfile::tempdir().unwrap();
    server.faults(Faults { corrupt: 1000, ..Faults::default() });
    let error = fetch_all(&hub(&server, cache.path())).unwrap_err();
    assert!(matches!(&error, HubError::Content { .. }), "{error}");
    let large = files().into_iter().find(|(name, _)| name == "model-00001-of-00002.safetensors").unwrap().1;
    assert!(!blobs(cache.path()).contains(&aw_testkit::hub::etag(&large, true)));
}

#[test]
fn a_part_of_another_file_is_found_out() {
    let (server, cache) = (start(), tempfile::tempdir().unwrap());
    let large = files()["model-00001-of-00002.safetensors"].clone();
    let part =
        cache.path().join("models--org--a-model/blobs").join(format!("{}.incomplete", aw_testkit::hub::etag(&large, true)));
    for other in [bytes(5_000, 9), bytes(5_000_000, 9), large.clone()] {
        std::fs::create_dir_all(part.parent().unwrap()).unwrap();
        std::fs::write(&part, other).unwrap();
        fetch_all(&hub(&server, cache.path())).unwrap();
        std::fs::remove_dir_all(cache.path().join("models--org--a-model/blobs")).unwrap();
    }
}

#[test]
fn a_link_in_place_of_a_part_is_not_followed() {
    let (server, cache) = (start(), tempfile::tempdir().unwrap());
    let victim = cache.path().join("victim");
    std::fs::write(&victim, "mine").unwrap();
    let large = files()["model-00001-of-00002.safetensors"].clone();
    let part =
        cache.path().join("models--org--a-model/blobs").join(format!("{}.incomplete", aw_testkit::hub::etag(&large, true)));
    std::fs::create_dir_all(part.parent().unwrap()).unwrap();
    std::os::unix::fs::symlink(&victim, part).unwrap();
    let error = fetch_all(&hub(&server, cache.path())).unwrap_err();
    assert!(matches!(error, HubError::Disk { .. }), "{error}");
    assert_eq!(std::fs::read_to_string(victim).unwrap(), "mine");
}

#[test]
fn a_server_without_ranges_sends_it_all_again() {
    let (server, cache) = (start(), tempfile::tempdir().unwrap());
    server.faults(Faults { cut: Some((200_000, 2)), no_ranges: true, ..Faults::default() });
    fetch_all(&hub(&server, cache.path())).unwrap();
}

#[test]
fn redirects_in_a_circle_or_to_nowhere_end() {
    let fetched = |faults: Faults| {
        let (server, cache) = (start(), tempfile::tempdir().unwrap());
        server.faults(faults);
        fetch_all(&hub(&server, cache.path())).unwrap_err()
    };
    let error = fetched(Faults { circle: true, ..Faults::default() });
    assert!(matches!(&error, HubError::Redirect { reason: "too often", .. }), "{error}");
    for place in ["file:///etc/passwd", "//elsewhere/x", "ftp://elsewhere/x", "http://user:pw@127.0.0.1/"] {
        let error = fetched(Faults { location: Some(place.into()), ..Faults::default() });
        assert!(matches!(&error, HubError::Redirect { .. }), "{place}: {error}");
    }
}

#[test]
fn a_busy_server_is_waited_for_as_long_as_is_sensible() {
    let (server, cache) = (start(), tempfile::tempdir().unwrap());
    server.faults(Faults { busy: Some((2, 1)), ..Faults::default() });
    let started = std::time::Instant::now();
    fetch_all(&hub(&server, cache.path())).unwrap();
    assert!(started.elapsed().as_millis() >= 1000, "`Retry-After` is honoured");
    server.faults(Faults { busy: Some((1, 86_400)), ..Faults::default() });
    let error = snapshot(&hub(&server, tempfile::tempdir().unwrap().path())).unwrap_err();
    assert!(matches!(&error, HubError::Busy { status: 429, wait: Some(86_400), .. }), "{error}");
}

#[test]
fn a_server_that_trickles_is_given_up() {
    let (server, cache) = (start(), tempfile::tempdir().unwrap());
    server.faults(Faults { silent: true, ..Faults::default() });
    let started = std::time::Instant::now();
    let error = fetch_all(&hub(&server, cache.path())).unwrap_err();
    assert!(matches!(&error, HubError::Stalled { .. }), "{error}");
    assert!(started.elapsed().as_secs() < 30);
}

#[test]
fn refusals_say_what_to_do() {
    let refused = |status, code, message| {
        let (server, cache) = (start(), tempfile::tempdir().unwrap());
        server.faults(Faults { refuse: Some((status, code, message)), ..Faults::default() });
        snapshot(&hub(&server, cache.path())).unwrap_err()
    };
    let error = refused(403, "GatedRepo", "Access to model org/a-model is restricted");
    assert!(error.to_string().contains("Access to model org/a-model is restricted"), "{error}");
    assert!(error.hint().unwrap().contains("accept the model's terms"));
    assert!(matches!(refused(401, "RepoNotFound", "Repository Not Found"), HubError::NotFound { with_token: true, .. }));
    assert!(matches!(refused(404, "RevisionNotFound", ""), HubError::NotFound { .. }));
    assert!(matches!(refused(500, "", ""), HubError::Status { status: 500, .. }));
}

#[test]
fn hostile_listings_are_refused() {
    let listed = |faults: Faults| {
        let (server, cache) = (start(), tempfile::tempdir().unwrap());
        server.faults(faults);
        snapshot(&hub(&server, cache.path())).unwrap_err()
    };
    assert!(matches!(listed(Faults { padding: 9 << 20, ..Faults::default() }), HubError::TooLong { .. }));
    assert!(listed(Faults { foreign_page: true, ..Faults::default() }).to_string().contains("another host"));
    for path in ["../../../etc/passwd", "/etc/passwd", "a/../../b", "a//b", "c:/x"] {
        let error = listed(Faults { extra_path: Some(path), ..Faults::default() });
        assert!(error.to_string().contains("is not a path inside a tree"), "{error}");
    }
    assert!(listed(Faults { extra_path: Some("config.json"), ..Faults::default() }).to_string().contains("listed twice"));
}

#[test]
fn a_file_of_another_commit_is_refused() {
    let (server, cache) = (start(), tempfile::tempdir().unwrap());
    let hub = hub(&server, cache.path());
    snapshot(&hub).unwrap();
    server.faults(Faults { other_commit: true, ..Faults::default() });
    let error = fetch_all(&hub).unwrap_err();
    assert!(error.to_string().contains("it is of commit `ffff"), "{error}");
}

#[test]
fn offline_says_what_is_missing() {
    let (server, cache) = (start(), tempfile::tempdir().unwrap());
    let error = snapshot(&offline(&server, cache.path())).unwrap_err();
    assert!(error.to_string().contains("the list of files of commit"), "{error}");
    let hub = hub(&server, cache.path());
    let listed = snapshot(&hub).unwrap();
    hub.fetch(&listed, &[listed.file("config.json").unwrap()], &go_on).unwrap();
    server.requests();
    let hub = offline(&server, cache.path());
    let error = hub.fetch(&listed, &all(&listed), &go_on).unwrap_err();
    assert!(error.to_string().contains("model-00002-of-00002.safetensors"), "{error}");
    assert!(!error.to_string().contains("generation_config.json, config.json"), "{error}");
    assert!(server.requests().is_empty(), "offline nothing is asked");
}

#[test]
fn what_another_commit_brought_is_not_brought_again() {
    let (server, cache) = (start(), tempfile::tempdir().unwrap());
    let first = fetch_all(&hub(&server, cache.path())).unwrap();
    std::fs::remove_dir_all(hub(&server, cache.path()).folder(&first)).unwrap();
    server.requests();
    fetch_all(&offline(&server, cache.path())).unwrap();
    assert!(server.requests().is_empty());
}

#[test]
fn damage_in_the_cache_is_found() {
    let (server, cache) = (start(), tempfile::tempdir().unwrap());
    let hub = hub(&server, cache.path());
    let listed = fetch_all(&hub).unwrap();
    let file = listed.file("model-00001-of-00002.safetensors").unwrap();
    let blob = cache.path().join("models--org--a-model/blobs").join(file.content.hex());
    // Another length: downloaded anew. The same length: told by a look at the bytes.
    std::fs::write(&blob, "short").unwrap();
    fetch_all(&hub).unwrap();
    let mut bytes = std::fs::read(&blob).unwrap();
    bytes[1000] ^= 1;
    std::fs::write(&blob, bytes).unwrap();
    assert!(matches!(hub.check(&listed, file), Err(HubError::Damaged { .. })));
}

#[test]
fn several_at_once_download_each_file_once() {
    let (server, cache) = (start(), tempfile::tempdir().unwrap());
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| fetch_all(&hub(&server, cache.path())).unwrap());
        }
    });
    let large = files().values().filter(|bytes| bytes.len() >= LARGE).count();
    assert_eq!(server.requests().iter().filter(|request| request.elsewhere).count(), large);
}

#[test]
fn headers_come_without_weights() {
    let (server, cache) = (start(), tempfile::tempdir().unwrap());
    let hub = hub(&server, cache.path());
    let listed = snapshot(&hub).unwrap();
    let config = listed.file("config.json").unwrap();
    hub.fetch(&listed, &[config], &go_on).unwrap();
    let weights: Vec<_> = listed.files.iter().filter(|file| file.path.as_str().ends_with(".safetensors")).collect();
    let folder = hub.headers(&listed, &weights, &[config], &|| false).unwrap();
    for file in &weights {
        let (made, real) = (std::fs::read(folder.join(&file.path)).unwrap(), &files()[file.path.as_str()]);
        let header = 8 + u64::from_le_bytes(*real.first_chunk().unwrap()) as usize;
        assert_eq!(made.len(), real.len());
        assert_eq!(made[..header], real[..header]);
        assert!(made[header..].iter().all(|byte| *byte == 0), "no weight was kept");
    }
    assert_eq!(std::fs::read(folder.join("config.json")).unwrap(), files()["config.json"]);
    server.requests();
    offline(&server, cache.path()).headers(&listed, &weights, &[config], &|| false).unwrap();
    assert!(server.requests().is_empty());
    server.faults(Faults { no_ranges: true, ..Faults::default() });
    let fresh = crate::support::hub(&server, tempfile::tempdir().unwrap().path());
    fresh.headers(&listed, &weights, &[], &|| false).unwrap();
    let error = fresh.headers(&listed, &[listed.file("tokenizer.json").unwrap()], &[], &|| false).unwrap_err();
    assert!(error.to_string().contains("no safetensors file"), "{error}");
}
