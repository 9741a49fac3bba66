//! Charts as SVG text: what a comparison measured, for people.
//!
//! No scripts and no fonts of their own; every chart has a title and a description for those who do not see it, follows the reader's
//! light or dark setting, and never says by colour alone what it says. Numbers are written with fixed decimals, so equal figures
//! give equal bytes.

mod heat;
mod lines;
mod scale;
mod svg;

pub use heat::{HeatMap, HeatRow};
pub use lines::{LineChart, Point, Series};
pub use scale::{Axis, Scale};
