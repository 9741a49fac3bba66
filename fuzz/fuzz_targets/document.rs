//! Documents of any origin: read whole or refused with a reason, kept to the byte, and whatever was read can be validated, judged,
//! scored, exported and checked for signatures without a panic; judging twice says the same.
#![no_main]

use alloyworks_fuzz::Pottery;
use aw_alloy::coverage;
use aw_alloy::document::{Document, peculiarities, validate};
use aw_alloy::export::{cyclonedx, qr};
use aw_alloy::gates::{Evidence, judge};
use aw_alloy::signing::{self, Expected, KeyRegistry, Standing};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = KeyRegistry::read(bytes).map_err(|problems| assert!(!problems.is_empty(), "refused without a reason"));
    let document = match Document::read(bytes) {
        Ok(document) => document,
        Err(problems) => return assert!(!problems.is_empty(), "refused without a reason"),
    };
    assert_eq!(document.to_bytes(), bytes);
    for problem in validate(&document, &Pottery).into_iter().chain(peculiarities(&document)) {
        assert!(!problem.message.is_empty() && !problem.code.is_empty());
    }
    let evidence = Evidence::default();
    let verdicts = judge(&document, &evidence);
    assert_eq!(verdicts.to_bytes(), judge(&document, &evidence).to_bytes());
    assert!(coverage::score(document.node(), &evidence).percent <= 100);
    let bill = cyclonedx::bill_of_materials(&document, "cup.alloy.json");
    Document::read(&bill).expect_err("a bill of materials is no alloy document");
    let link = qr::link(&document, None);
    assert!(link.is_ascii(), "{link}");
    let nobody = Expected { registry: None, audience: None, nonce: None, now: aw_alloy::Moment::from_unix(0, 0) };
    assert_ne!(signing::verify(document.node(), &nobody).standing, Standing::Good, "good without a registry");
});
