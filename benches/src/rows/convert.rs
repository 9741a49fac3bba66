//! From safetensors to GGUF tiers, against llama.cpp's converter and quantiser, and against copying.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use super::{Bench, Keep, Row, THREADS, remove, silent, warm};
use crate::checkpoint::{Weights, write_tokenizer};
use crate::contest::{Contender, Sample, last_json};
use crate::error::{At, BenchError};
use crate::process::measure;
use crate::report::{Section, Target, of, wall};
use crate::rows::prune::MIDDLE;

const CP: &str = "cp -r";
const OURS_Q8: &str = "convert, Q8_0";
const OURS_Q4: &str = "convert, Q4_K_M";
const THEIRS_Q8: &str = "llama.cpp: convert, then quantise, Q8_0";
const THEIRS_DIRECT: &str = "llama.cpp: convert straight to Q8_0";
const THEIRS_Q4: &str = "llama-quantize alone, Q4_K_M";

/// The row.
pub const ROW: Row =
    Row { name: "convert", contenders: &[CP, OURS_Q8, THEIRS_Q8, THEIRS_DIRECT, OURS_Q4, THEIRS_Q4], run, section };

fn run(bench: &Bench, keep: Keep<'_>) -> Result<(), BenchError> {
    let model = MIDDLE.write(&bench.work.join("middle"), Weights::Random)?;
    write_tokenizer(&model.folder, MIDDLE.vocab)?;
    let scratch = bench.scratch(ROW.name)?;
    let (out, copy, middle) = (scratch.join("out.gguf"), scratch.join("copy"), scratch.join("bf16.gguf"));
    let (copy_at, out_at, middle_at, folder) = (&copy, &out, &middle, &model.folder);
    let clean = move || {
        remove(copy_at)?;
        for file in [out_at, middle_at] {
            remove_file(file)?;
        }
        warm(folder)
    };
    let ours = |kind: &'static str| {
        let (model, out) = (&model, &out);
        move || {
            let mut command = bench.job("convert");
            command.args([&model.folder, out]).args([kind, &THREADS.to_string()]);
            command
        }
    };
    let copying = || {
        let mut command = Command::new("cp");
        command.arg("-r").args([&model.folder, &copy]);
        command
    };
    let bytes = model.bytes;
    let copied = move |ended: &_| silent(ended).map(|_| json!({"bytesIn": bytes}));
    let llama = Llama::find(bench);
    let mut contenders = vec![
        Contender { name: CP, prepare: Box::new(clean), command: Box::new(copying), read: Box::new(copied) },
        Contender { name: OURS_Q8, prepare: Box::new(clean), command: Box::new(ours("Q8_0")), read: Box::new(last_json) },
        Contender { name: OURS_Q4, prepare: Box::new(clean), command: Box::new(ours("Q4_K_M")), read: Box::new(last_json) },
    ];
    if let (Some(llama), Some(python)) = (&llama, &bench.python) {
        let (model, out, middle) = (&model.folder, &out, &middle);
        let convert = move |out: &Path, kind: &str| {
            let mut command = bench.script(python, "convert_gguf.py");
            command.args([&llama.source, model]).arg(out).arg(kind);
            command
        };
        let both = move || {
            let convert = convert(middle, "bf16");
            let mut command = Command::new("sh");
            command.args(["-c", r#"q="$1" from="$2" to="$3"; shift 3; "$@" && "$q" "$from" "$to" Q8_0 2"#, "sh"]);
            command.args([&llama.quantize, middle, out]).arg(convert.get_program()).args(convert.get_args());
            command
        };
        let quantize = move || {
            let mut command = Command::new(&llama.quantize);
            command.args([middle, out]).args(["Q4_K_M", &THREADS.to_string()]);
            command
        };
        let converted = move || {
            clean()?;
            measure(&mut convert(middle, "bf16")).map(|_| ())
        };
        contenders.extend([
            Contender { name: THEIRS_Q8, prepare: Box::new(clean), command: Box::new(both), read: Box::new(copied) },
            Contender {
                name: THEIRS_DIRECT,
                prepare: Box::new(clean),
                command: Box::new(move || convert(out, "q8_0")),
                read: Box::new(copied),
            },
            Contender { name: THEIRS_Q4, prepare: Box::new(converted), command: Box::new(quantize), read: Box::new(copied) },
        ]);
    }
    bench.contest(&ROW, &contenders, 3, keep)?;
    drop(contenders);
    remove(&scratch)
}

/// llama.cpp as `make llama-cpp` leaves it.
struct Llama {
    quantize: PathBuf,
    source: PathBuf,
}

impl Llama {
    fn find(bench: &Bench) -> Option<Self> {
        let folder = bench.root.join("target/llama.cpp");
        let found = Self { quantize: folder.join("bin/llama-quantize"), source: folder.join("source") };
        (found.quantize.is_file() && found.source.is_dir()).then_some(found)
    }
}

fn remove_file(file: &Path) -> Result<(), BenchError> {
    match std::fs::remove_file(file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error).at("remove", file),
        _ => Ok(()),
    }
}

fn section(samples: &[Sample]) -> Section {
    let mut section = Section::new("Convert", samples, ROW.contenders);
    section.say(
        "The model of the prune row to GGUF, its checkpoint in the page cache. `convert` is the library as a process of its own: it reads \
         safetensors and writes the tier. llama.cpp converts to BF16 in Python and quantises that; its converter also writes Q8_0 itself. \
         For Q4_K_M, `llama-quantize` is given the BF16 file ready made, so that only the second half of its way is counted. \
         All but the converter, which has one thread of its own making, work with two threads.",
    );
    section.ratio(samples, "llama.cpp, both steps / convert, Q8_0", THEIRS_Q8, OURS_Q8, wall);
    section.ratio(samples, "llama.cpp's converter alone / convert, Q8_0", THEIRS_DIRECT, OURS_Q8, wall);
    section.ratio(samples, "llama-quantize alone / convert, Q4_K_M", THEIRS_Q4, OURS_Q4, wall);
    section.ratio(samples, "cp / convert, Q8_0", CP, OURS_Q8, wall);
    let q8 = section.median_ratio("llama.cpp, both steps / convert, Q8_0");
    let q4 = section.median_ratio("llama-quantize alone / convert, Q4_K_M");
    section.target(Target::at_least("speed of Q8_0 from safetensors, of llama.cpp's two steps", q8, 5.0, ""));
    section.target(Target::at_least("speed of Q4_K_M from safetensors, of `llama-quantize` alone", q4, 1.5, ""));
    for (name, contender) in [("peak resident memory, Q8_0", OURS_Q8), ("peak resident memory, Q4_K_M", OURS_Q4)] {
        let most = of(samples, contender).map(|sample| sample.taken.peak_resident_bytes).max();
        section.target(Target::at_most(name, most.map(|bytes| bytes as f64 / 1e6), 256.0, " MB"));
    }
    section
}
