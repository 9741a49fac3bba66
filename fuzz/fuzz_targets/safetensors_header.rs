//! Safetensors files: never laxer than the format's own library, and tensors that tile the file.
#![no_main]

use std::collections::BTreeSet;

use libfuzzer_sys::fuzz_target;
use llm_forge::checkpoint::parse_safetensors;
use safetensors::SafeTensors;

fuzz_target!(|bytes: &[u8]| {
    let Ok(tensors) = parse_safetensors(bytes) else { return };
    let theirs = SafeTensors::deserialize(bytes).expect("accepted here, so the reference accepts it");
    assert_eq!(theirs.len(), tensors.len(), "both see the same tensors");
    let header = u64::from_le_bytes(bytes[..8].try_into().expect("accepted, so there is a length"));
    let mut end = 8 + header;
    let mut names = BTreeSet::new();
    for tensor in &tensors {
        assert_eq!(tensor.offset, end, "`{}` starts where the one before it ends", tensor.name);
        end += tensor.len;
        let elements: u64 = tensor.shape.iter().product();
        assert_eq!(elements * tensor.dtype.size_bytes() as u64, tensor.len, "`{}` has the length of its shape", tensor.name);
        assert!(names.insert(&tensor.name), "`{}` stands twice", tensor.name);
        let view = theirs.tensor(&tensor.name).expect("the reference knows the name");
        let range = usize::try_from(tensor.offset).expect("in the file")..usize::try_from(end).expect("in the file");
        assert_eq!(view.data(), &bytes[range], "both read the same bytes of `{}`", tensor.name);
        let shape: Vec<u64> = view.shape().iter().map(|dim| *dim as u64).collect();
        assert_eq!(shape, tensor.shape, "both read the same shape of `{}`", tensor.name);
    }
    assert_eq!(end, bytes.len() as u64, "the tensors end where the file ends");
});
