//! Times the store on this machine: `cargo run --release -p aw-store --example store_timings -- <empty folder> [file to hash]`.
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use aw_store::{Link, SourceOptions, StageRecords, Store, no_hook};

const FILES: usize = 1000;
const FILE_BYTES: usize = 16 * 1024;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let home = arguments.next().ok_or("name an empty folder to work in")?;
    let store = Store::open(&home)?;
    time_small_files(&store, &home)?;
    if let Some(source) = arguments.next() {
        time_hashing(&store, &source)?;
    }
    Ok(())
}

fn time_small_files(store: &Store, home: &Path) -> Result<(), Box<dyn Error>> {
    let writer = store.writer()?;
    let folder = writer.scratch_folder()?;
    for n in 0..FILES {
        let content: Vec<u8> = (0..FILE_BYTES).map(|at| (n * 7 + at * 13 + at / 256) as u8).collect();
        fs::write(folder.join(format!("file-{n}")), [content.as_slice(), n.to_string().as_bytes()].concat())?;
    }
    let tree = timed("adopt 1000 files of 16 KiB (hashed, synced, renamed)", || writer.adopt_folder(&folder, 2, &mut no_hook))?;
    timed("check the tree with a look", || store.check(&tree))?;
    timed("check the tree by hashing", || store.check_bytes(&tree, 2, &mut no_hook))?;
    for (name, link) in [("hard links", Link::HardLink), ("reflinks, else copies", Link::Reflink), ("copies", Link::Copy)] {
        let placed = timed(&format!("materialise: {name}"), || store.materialise(&tree, &home.join(name), link))?;
        println!("{:>12}{placed:?}", "");
    }
    timed("export: copies, synced", || store.export(&tree, &home.join("exported"), Link::Copy))?;
    drop(writer);
    timed("gc that removes it all", || store.gc(StageRecords::Keep, false))?;
    Ok(())
}

fn time_hashing(store: &Store, source: &Path) -> Result<(), Box<dyn Error>> {
    for threads in [1, 2] {
        let start = Instant::now();
        let hashed = store.hash_folder(
            source,
            &SourceOptions { threads, trust_index: false, ..SourceOptions::default() },
            &mut no_hook,
        )?;
        let rate = hashed.hashed_bytes as f64 / start.elapsed().as_secs_f64() / 1e9;
        println!(
            "{:>10.3} s  hash a folder on {threads} threads: {} bytes, {rate:.2} GB/s",
            start.elapsed().as_secs_f64(),
            hashed.hashed_bytes
        );
    }
    timed("hash the folder again, unchanged", || store.hash_folder(source, &SourceOptions::default(), &mut no_hook))?;
    Ok(())
}

fn timed<T, E>(what: &str, work: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    let start = Instant::now();
    let result = work()?;
    println!("{:>10.3} s  {what}", start.elapsed().as_secs_f64());
    Ok(result)
}
