//! How fast a GGUF file of plain numbers is quantised, from file to file, on a number of threads.
//!
//! ```text
//! cargo run --release -p aw-gguf --example quantize_speed -- in.gguf out.gguf Q4_K_M [threads, default 2]
//! ```
//!
//! The same work as `llama-quantize in.gguf out.gguf Q4_K_M 2`: every tensor read, converted to the type that the mix asks for,
//! written. Prints seconds and megabytes of input a second.

use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Read, Seek, SeekFrom};
use std::time::Instant;

use aw_gguf::mix::{self, FileType, Model};
use aw_gguf::{Layout, Limits, Reader, TensorInfo, TensorSpec, TensorType, Writer, dequantize_rows, quantize_rows};

/// Elements that a thread takes at a time.
const PIECE: usize = 1 << 20;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [input, output, file_type, threads @ ..] = &arguments[..] else { return Err("expected: in.gguf out.gguf TYPE".into()) };
    let file_type = FileType::from_name(file_type).ok_or("expected a file type such as Q4_K_M")?;
    let threads: usize = threads.first().map_or(Ok(2), |number| number.parse())?;

    let start = Instant::now();
    let mut file = File::open(input)?;
    let bytes = file.metadata()?.len();
    let reader = Reader::read(std::io::BufReader::new(&mut file), bytes, Limits::default())?;
    let mut metadata = reader.metadata().clone();
    metadata.set("general.file_type", file_type.id());
    metadata.set("general.quantization_version", 2_u32);
    let spec = |tensor: &TensorInfo| TensorSpec {
        name: tensor.name.clone(),
        dims: tensor.dims.clone(),
        tensor_type: tensor.tensor_type,
    };
    let mut specs: Vec<TensorSpec> = reader.tensors().iter().map(spec).collect();
    let types = mix::choose(file_type, &Model::from_metadata(&metadata)?, &specs)?;
    specs.iter_mut().zip(&types).for_each(|(spec, tensor_type)| spec.tensor_type = *tensor_type);
    let mut writer = Writer::new(BufWriter::new(File::create(output)?), Layout::new(&metadata, specs)?)?;
    for (tensor, to) in reader.tensors().iter().zip(types) {
        let mut data = vec![0; tensor.bytes as usize];
        file.seek(SeekFrom::Start(reader.range(tensor).start))?;
        file.read_exact(&mut data)?;
        if to != tensor.tensor_type {
            data = convert(&data, tensor, to, threads)?;
        }
        writer.write(&tensor.name, &data)?;
    }
    writer.finish()?;
    let seconds = start.elapsed().as_secs_f64();
    let megabytes = bytes as f64 / 1e6;
    use std::io::Write as _;
    writeln!(std::io::stdout(), "{file_type}: {seconds:.2} s, {:.0} MB/s in, {threads} threads", megabytes / seconds)?;
    Ok(())
}

fn convert(data: &[u8], tensor: &TensorInfo, to: TensorType, threads: usize) -> Result<Vec<u8>, Box<dyn Error>> {
    let row = tensor.row_elements() as usize;
    let (from_row, to_row) = (tensor.tensor_type.row_bytes(row), to.row_bytes(row));
    let (Some(from_row), Some(to_row)) = (from_row, to_row) else { return Err("rows are no whole blocks".into()) };
    let rows = (PIECE / row).max(1);
    let mut out = vec![0; data.len() / from_row * to_row];
    let pieces = std::sync::Mutex::new(data.chunks(rows * from_row).zip(out.chunks_mut(rows * to_row)));
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    let mut values = vec![0.0; rows * row];
                    loop {
                        let Some((from, to_bytes)) = pieces.lock().ok().and_then(|mut pieces| pieces.next()) else {
                            return Ok(());
                        };
                        let values = &mut values[..from.len() / from_row * row];
                        dequantize_rows(tensor.tensor_type, from, values)?;
                        quantize_rows(to, values, row, None, to_bytes)?;
                    }
                })
            })
            .collect();
        workers.into_iter().try_for_each(|worker| worker.join().unwrap_or(Ok(())))
    })
    .map_err(|error: aw_gguf::QuantizeError| format!("{}: {error}", tensor.name))?;
    Ok(out)
}
