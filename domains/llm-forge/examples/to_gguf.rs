//! Writes a model folder as a GGUF file: `to_gguf <model> <out.gguf> <type> [<importance matrix>]`.
#![allow(clippy::print_stdout, reason = "a program for the terminal")]

use std::fs::File;
use std::io::BufWriter;
use std::ops::ControlFlow;
use std::path::Path;

use aw_gguf::mix::FileType;
use llm_forge::checkpoint::Checkpoint;
use llm_forge::gguf::{GgufModel, Importance, Naming, architecture_of};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, out, kind, rest @ ..] = arguments.as_slice() else {
        return Err("usage: to_gguf <model> <out.gguf> <type> [<importance matrix>]".into());
    };
    let folder = Path::new(folder);
    let config: serde_json::Value = serde_json::from_slice(&std::fs::read(folder.join("config.json"))?)?;
    let checkpoint = Checkpoint::open(folder)?;
    let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let naming = Naming { name, pre_tokenizer: None };
    let importance = rest.first().map(|path| Importance::open(Path::new(path))).transpose()?;
    let model = GgufModel::plan(folder, &config, &checkpoint, architecture_of(&config), &naming)?;
    let file_type = FileType::from_name(kind).ok_or_else(|| format!("unknown type `{kind}`"))?;
    let conversion = model.conversion(file_type)?;
    let started = std::time::Instant::now();
    let threads = std::thread::available_parallelism()?.get();
    conversion.write(BufWriter::new(File::create(out)?), importance.as_ref(), threads, &|_, _| ControlFlow::Continue(()))?;
    println!("{} bytes in {:.2} s, {}", conversion.bytes(), started.elapsed().as_secs_f64(), model.file_name(file_type));
    Ok(())
}
