//! How much a document may ask for.

/// Bounds of one reading. A document that needs more is refused with a [`Problem`](crate::Problem) that names the limit.
///
/// Time and memory are within a small multiple of `bytes` and `text` whatever a document holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most bytes of the document.
    pub bytes: usize,
    /// Most statements, repeated ones included.
    pub triples: usize,
    /// Deepest nesting of brackets, lists, objects and arrays.
    pub nesting: usize,
    /// Most bytes of one literal or other string.
    pub literal: usize,
    /// Most bytes of one IRI, relative or absolute.
    pub iri: usize,
    /// Most bytes of all terms of all statements and of all IRIs the document declares, written out: what prefixes, base IRIs and
    /// contexts may blow a document up to.
    pub text: usize,
    /// Most steps of a JSON-LD context's use: a term defined, copied or looked up counts one.
    pub steps: usize,
    /// Most problems and remarks collected.
    pub reports: usize,
}

impl Default for Limits {
    /// 32 MiB (codegen, section 6), 500,000 statements, 100 levels, 1 MiB a literal, 8 KiB an IRI, 256 MiB of terms, 10,000,000 steps,
    /// 100 reports.
    fn default() -> Self {
        Self {
            bytes: 32 << 20,
            triples: 500_000,
            nesting: 100,
            literal: 1 << 20,
            iri: 8 << 10,
            text: 256 << 20,
            steps: 10_000_000,
            reports: 100,
        }
    }
}
