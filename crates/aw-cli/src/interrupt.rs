//! Ctrl-C and termination: the first asks to stop in order, the second stops at once.

use std::sync::atomic::{AtomicBool, Ordering};

use aw_commands::{ExitCode, Report};

use crate::printer::Printer;

static ASKED: AtomicBool = AtomicBool::new(false);

/// Watches for signals, when the command listens; gives what tells whether one came.
pub(crate) fn watch(listens: bool, printer: &Printer) -> Result<impl Fn() -> bool + Sync + use<>, Report> {
    if listens {
        let printer = *printer;
        let set = ctrlc::set_handler(move || {
            if ASKED.swap(true, Ordering::Relaxed) {
                #[expect(
                    clippy::disallowed_methods,
                    reason = "asked for twice: at once is what it means, and the store survives it"
                )]
                std::process::exit(i32::from(ExitCode::Cancelled.number()));
            }
            printer.talk("\nstopping; finished stages are kept (once more to stop at once)\n");
        });
        set.map_err(|error| Report::new(ExitCode::Environment, "signals", format!("signals cannot be watched: {error}")))?;
    }
    Ok(|| ASKED.load(Ordering::Relaxed))
}
