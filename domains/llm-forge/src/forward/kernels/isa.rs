//! Which instructions the kernels may use.

/// An instruction set the kernels have a path for and this machine can run. All paths give the same bits; they differ in speed.
///
/// Only [`Isa::detect`] and [`Isa::available`] make one, so holding a value proves that its instructions exist here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Isa(Path);

/// The paths there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Path {
    /// 512-bit vectors with fused multiply-add, and products of pairs of bf16.
    #[cfg(target_arch = "x86_64")]
    Avx512Bf16,
    /// 512-bit vectors with fused multiply-add.
    #[cfg(target_arch = "x86_64")]
    Avx512,
    /// 256-bit vectors with fused multiply-add.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// Whatever the compiler makes of plain loops (NEON on AArch64).
    Portable,
}

impl Isa {
    /// Names the widest instruction set this machine has.
    #[must_use]
    pub fn detect() -> Isa {
        Isa::available()[0]
    }

    /// Lists every instruction set this machine has a path for, widest first; the portable one is always the last.
    #[must_use]
    pub fn available() -> Vec<Isa> {
        let mut found = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bf16") {
                found.push(Isa(Path::Avx512Bf16));
            }
            if is_x86_feature_detected!("avx512f") {
                found.push(Isa(Path::Avx512));
            }
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                found.push(Isa(Path::Avx2));
            }
        }
        found.push(Isa(Path::Portable));
        found
    }

    /// Names the path as it is written in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Path::Avx512Bf16 => "avx512f+bf16",
            #[cfg(target_arch = "x86_64")]
            Path::Avx512 => "avx512f",
            #[cfg(target_arch = "x86_64")]
            Path::Avx2 => "avx2+fma",
            Path::Portable => "portable",
        }
    }

    /// Gives the path, for dispatch.
    pub(super) fn path(self) -> Path {
        self.0
    }
}
