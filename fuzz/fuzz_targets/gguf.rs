//! GGUF headers: what is accepted lies inside the file, is written again to the same places, and is read the same again.
#![no_main]

use std::io::Cursor;

use aw_gguf::imatrix::ImportanceMatrix;
use aw_gguf::name::FileName;
use aw_gguf::{Layout, Limits, Reader, TensorSpec};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let length = bytes.len() as u64;
    if let Some(name) = std::str::from_utf8(bytes).ok().and_then(FileName::parse) {
        assert!(!name.base.is_empty(), "a name has a base");
    }
    let _ = ImportanceMatrix::read(Cursor::new(bytes), length, Limits::default());
    let Ok(reader) = Reader::read(bytes, length, Limits::default()) else { return };
    let mut end = reader.data_start();
    for tensor in reader.tensors() {
        let range = reader.range(tensor);
        assert!(range.start >= end && range.end <= length, "`{}` lies behind the one before it and in the file", tensor.name);
        assert_eq!(range.start % reader.alignment(), reader.data_start() % reader.alignment(), "`{}` is aligned", tensor.name);
        end = range.end;
    }
    let spec = |tensor: &aw_gguf::TensorInfo| TensorSpec {
        name: tensor.name.clone(),
        dims: tensor.dims.clone(),
        tensor_type: tensor.tensor_type,
    };
    // The alignment may be so large that a padded header would not fit in memory.
    if reader.alignment() > 1 << 16 {
        return;
    }
    let specs = reader.tensors().iter().map(spec).collect();
    let Ok(layout) = Layout::new(reader.metadata(), specs) else { return };
    assert_eq!(layout.tensors(), reader.tensors(), "what was read is laid out at the same places");
    let again = Reader::read(layout.header(), layout.total_bytes(), Limits::default()).expect("written here");
    // NaN is not equal to itself, so the values are compared as they are shown.
    assert_eq!(format!("{:?}", again.metadata().iter().collect::<Vec<_>>()), format!("{:?}", reader.metadata().iter().collect::<Vec<_>>()));
});
