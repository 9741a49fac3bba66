//! Connections that break in the middle of an upload, between this client and a real registry.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use aw_alloy::digest::Digest;
use aw_remote::oci::{OciError, Registry, Repository, Source};

struct Running(Child, #[expect(dead_code, reason = "keeps the folder")] tempfile::TempDir);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn registry() -> Option<(Running, u16)> {
    let program = aw_testkit::server("ALLOYWORKS_DOCKER_REGISTRY", "docker-registry")?;
    let folder = tempfile::tempdir().unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let config = format!(
        "version: 0.1\nlog: {{level: error, accesslog: {{disabled: true}}}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\nhttp: {{addr: 127.0.0.1:{port}}}\n",
        folder.path().join("data").display()
    );
    let place = folder.path().join("config.yml");
    std::fs::write(&place, config).unwrap();
    let mut command = Command::new(program);
    let child = command.arg("serve").arg(place).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let until = Instant::now() + Duration::from_secs(30);
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < until, "the registry does not listen");
        std::thread::sleep(Duration::from_millis(50));
    }
    Some((Running(child, folder), port))
}

/// A wire to a server that breaks once so many bytes went to it, for so many times.
struct Wire {
    port: u16,
    /// Bytes until it breaks.
    left: Arc<AtomicI64>,
    breaks: Arc<AtomicU64>,
}

impl Wire {
    fn to(server: u16, every: i64, breaks: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let wire = Self {
            port: listener.local_addr().unwrap().port(),
            left: Arc::new(AtomicI64::new(every)),
            breaks: Arc::new(AtomicU64::new(breaks)),
        };
        let (left, breaks) = (wire.left.clone(), wire.breaks.clone());
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (left, breaks) = (left.clone(), breaks.clone());
                std::thread::spawn(move || {
                    let server = TcpStream::connect(("127.0.0.1", server)).unwrap();
                    let (mut back, mut front) = (server.try_clone().unwrap(), client.try_clone().unwrap());
                    std::thread::spawn(move || {
                        let _ = io::copy(&mut back, &mut front);
                        let _ = front.shutdown(Shutdown::Both);
                    });
                    let _ = pass(client, server, every, &left, &breaks);
                });
            }
        });
        wire
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, every: i64, left: &AtomicI64, breaks: &AtomicU64) -> io::Result<()> {
    let mut buffer = vec![0; 64 << 10];
    loop {
        let read = from.read(&mut buffer)?;
        if read == 0 {
            return to.shutdown(Shutdown::Write);
        }
        to.write_all(&buffer[..read])?;
        if left.fetch_sub(read as i64, Ordering::SeqCst) <= read as i64 && breaks.load(Ordering::SeqCst) > 0 {
            breaks.fetch_sub(1, Ordering::SeqCst);
            left.store(every, Ordering::SeqCst);
            from.shutdown(Shutdown::Both)?;
            return to.shutdown(Shutdown::Both);
        }
    }
}

struct Numbers(u64);

fn byte(at: u64) -> u8 {
    (at.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40) as u8
}

/// Bytes made as they are read.
struct Stream {
    at: u64,
    end: u64,
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = buffer.len().min(usize::try_from(self.end - self.at).unwrap());
        for slot in &mut buffer[..count] {
            *slot = byte(self.at);
            self.at += 1;
        }
        Ok(count)
    }
}

impl Source for Numbers {
    fn name(&self) -> String {
        "numbers".into()
    }
    fn digest(&self) -> Digest {
        let mut hasher = aw_alloy::digest::Hasher::new();
        io::copy(&mut Stream { at: 0, end: self.0 }, &mut hasher).unwrap();
        hasher.finish()
    }
    fn bytes(&self) -> u64 {
        self.0
    }
    fn open(&self, start: u64) -> io::Result<Box<dyn Read + '_>> {
        Ok(Box::new(Stream { at: start, end: self.0 }))
    }
}

#[test]
fn a_large_file_arrives_over_a_wire_that_breaks() {
    let Some((_running, port)) = registry() else { return };
    let wire = Wire::to(port, 50 << 20, 3);
    let repository = Repository::parse(&format!("oci://127.0.0.1:{}/a/b", wire.port), true).unwrap();
    let registry = Registry::new(repository, None);
    let source = Numbers((160 << 20) + 1);
    assert!(registry.put(&source, &|_| true).unwrap());
    assert_eq!(wire.breaks.load(Ordering::SeqCst), 0, "it broke three times");
    let mut hasher = aw_alloy::digest::Hasher::new();
    assert!(registry.read_blob(&source.digest(), source.bytes(), &mut hasher).unwrap());
    assert_eq!(hasher.finish(), source.digest());
    assert!(!registry.put(&source, &|_| true).unwrap(), "it is there");
    // A wire that breaks at every try is given up.
    let wire = Wire::to(port, 10 << 20, u64::MAX);
    let repository = Repository::parse(&format!("oci://127.0.0.1:{}/a/c", wire.port), true).unwrap();
    let error = Registry::new(repository, None).put(&Numbers(70 << 20), &|_| true).unwrap_err();
    assert!(matches!(error, OciError::Network(_)), "{error}");
}

#[test]
fn what_is_shorter_or_other_than_it_said_is_not_kept() {
    struct Lies(Numbers, u64, Digest);
    impl Source for Lies {
        fn name(&self) -> String {
            self.0.name()
        }
        fn digest(&self) -> Digest {
            self.2
        }
        fn bytes(&self) -> u64 {
            self.1
        }
        fn open(&self, start: u64) -> io::Result<Box<dyn Read + '_>> {
            self.0.open(start)
        }
    }
    let Some((_running, port)) = registry() else { return };
    let repository = Repository::parse(&format!("oci://127.0.0.1:{port}/a/b"), true).unwrap();
    let registry = Registry::new(repository, None);
    let numbers = || Numbers(100_000);
    for lies in [Lies(numbers(), 100_001, numbers().digest()), Lies(numbers(), 100_000, Digest::of(b"other"))] {
        assert!(registry.put(&lies, &|_| true).is_err());
        assert!(!registry.has_blob(&lies.2).unwrap());
    }
}
