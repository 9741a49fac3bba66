//! Where there is no sandbox: everything is refused.

use crate::{Isolation, Limits, Outcome, Program, Refusal, Report, RunError, Step, Unavailable, View};

/// A sandbox that cannot be made here.
pub struct Sandbox(std::convert::Infallible);

fn refusal() -> Refusal {
    Refusal::new(Step::Platform, "sandboxes need Linux on x86-64 or AArch64")
}

impl Sandbox {
    /// Says that no sandbox can be made here.
    #[must_use]
    pub fn check() -> Report {
        Report { namespaces: Some(refusal()), landlock: Some(refusal()) }
    }

    /// Refuses.
    ///
    /// # Errors
    /// Always.
    pub fn new(_: &View, _: Limits, _: Isolation) -> Result<Sandbox, Unavailable> {
        Err(Unavailable::Isolation(Sandbox::check()))
    }

    /// Cannot be reached.
    ///
    /// # Errors
    /// Never: there is no such sandbox.
    pub fn run(&self, _: &Program, _: &dyn Fn() -> bool) -> Result<Outcome, RunError> {
        match self.0 {}
    }

    /// Cannot be reached.
    #[must_use]
    pub fn isolation(&self) -> Isolation {
        match self.0 {}
    }
}
