//! Ctrl-C and termination: the first asks to stop in order, the second stops at once.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use aw_commands::{ExitCode, Report};

use crate::printer::Printer;

/// When it was asked to stop.
static ASKED: OnceLock<Instant> = OnceLock::new();
/// What comes so soon after the first is the same request: shells and supervisors pass a signal on that the system sent already, and the
/// system sends that of a parent's death once for each of its threads.
const SAME: Duration = Duration::from_millis(300);

/// Watches for signals, when the command listens; gives what tells whether one came.
pub(crate) fn watch(listens: bool, printer: &Printer) -> Result<impl Fn() -> bool + Sync + use<>, Report> {
    if listens {
        let printer = *printer;
        let set = ctrlc::set_handler(move || {
            let again = ASKED.get().is_some();
            let since = ASKED.get_or_init(Instant::now).elapsed();
            if again && since < SAME {
                return;
            }
            if again {
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
    Ok(|| ASKED.get().is_some())
}
