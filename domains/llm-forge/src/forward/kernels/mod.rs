//! Arithmetic whose result does not depend on the machine.
//!
//! Every output of a product is one chain of fused multiply-adds over `k` in ascending order, started at zero; vector units only
//! run many such chains side by side. A fused multiply-add is exactly rounded everywhere, so AVX-512, AVX2, NEON and the scalar
//! path give the same bits, and so does any split of the work over threads. So it is with products in bf16, which are other numbers. Reductions outside products use sixteen lanes chosen
//! by index and one fixed tree (see `math`).

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod bf16;
mod isa;
mod math;
mod pack;
mod portable;
mod product;

pub use bf16::pack_pairs;
pub use isa::Isa;
pub use math::{add_scaled, bounds, exp, exp_sum, l2_norm, layer_norm, rms_norm, silu_times, softmax};
pub use pack::{Panel, PanelRow, WIDTH, pack_columns, pack_rows};
pub use product::{Precision, ROWS, Rows, Scratch, SliceRows, product, tile};
