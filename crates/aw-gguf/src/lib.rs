//! GGUF, the file format of llama.cpp: version 3 of the container, the block formats of ggml, the mixes of tensor types that
//! stand behind names such as `Q4_K_M`, importance matrices, and file names.
//!
//! The crate reads and writes what it is handed ([`std::io::Read`], [`std::io::Write`]) and touches nothing else.
//!
//! ```
//! use aw_gguf::{Layout, Limits, Metadata, Reader, TensorSpec, TensorType, Writer, quantize_rows};
//!
//! let mut metadata = Metadata::new();
//! metadata.set("general.architecture", "llama");
//! let spec = TensorSpec { name: "token_embd.weight".into(), dims: vec![64, 2], tensor_type: TensorType::Q8_0 };
//! let layout = Layout::new(&metadata, vec![spec])?;
//! let size = layout.total_bytes(); // known before any data is
//!
//! let values: Vec<f32> = (0..128).map(|i| i as f32).collect();
//! let mut blocks = vec![0; 136];
//! quantize_rows(TensorType::Q8_0, &values, 64, None, &mut blocks)?;
//! let mut writer = Writer::new(Vec::new(), layout)?;
//! writer.write("token_embd.weight", &blocks)?;
//! let file = writer.finish()?;
//! assert_eq!(file.len() as u64, size);
//!
//! let reader = Reader::read(&file[..], size, Limits::default())?;
//! assert_eq!(reader.tensors()[0].dims, [64, 2]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Quantised blocks are those of ggml's reference functions as they are compiled for x86-64, bit for bit, and the same on every
//! machine: each step is a single IEEE 754 operation in a fixed order, and vector units only run many blocks side by side.

mod dequantize;
mod half;
pub mod imatrix;
mod isa;
mod lanes;
mod layout;
pub mod mix;
pub mod name;
mod quantize;
mod reader;
mod tensor_type;
mod value;
mod writer;
#[cfg(target_arch = "x86_64")]
mod x86;

pub use dequantize::dequantize_rows;
pub use half::{bf16_to_f32, f16_to_f32, f32_to_bf16, f32_to_f16};
pub use layout::{DEFAULT_ALIGNMENT, Layout, LayoutError, MAX_DIMS, MAX_KEY, MAX_TENSOR_NAME, TensorInfo, TensorSpec};
pub use quantize::{QuantizeError, can_quantize, quantize_rows};
pub use reader::{Limits, ReadError, Reader};
pub use tensor_type::TensorType;
pub use value::{Array, Metadata, Strings, Value};
pub use writer::{WriteError, Writer};
