//! Bundles and envelopes of others, and keys: read or refused with a reason; what was read is written so that it reads the same, and
//! nobody's signature is accepted.
#![no_main]

use aw_alloy::export::dsse::Envelope;
use aw_alloy::export::model_signing::{Bundle, SignatureState};
use aw_alloy::export::statement::Statement;
use aw_alloy::signing::{SigningKey, VerificationKey};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let trusted = SigningKey::from_secret(aw_alloy::signing::Curve::P256, &[7; 32]).expect("a small secret").public();
    match Bundle::read(bytes) {
        Ok(bundle) => assert!(!matches!(bundle.check_key(&[trusted]), SignatureState::Good(_)), "nobody signed this"),
        Err(problems) => assert!(!problems.is_empty(), "refused without a reason"),
    }
    match Envelope::read(bytes) {
        Ok(envelope) => {
            let again = Envelope::read(&envelope.to_bytes()).expect("what was read is written so that it reads");
            assert_eq!(again.message(), envelope.message());
            assert!(envelope.signers(&[trusted]).is_empty(), "nobody signed this");
            let _ = Statement::of(&envelope).map_err(|problems| assert!(!problems.is_empty(), "refused without a reason"));
        }
        Err(problems) => assert!(!problems.is_empty(), "refused without a reason"),
    }
    if let Ok(key) = VerificationKey::from_der(bytes) {
        assert_eq!(VerificationKey::from_der(&key.to_der()).expect("our own form").id(), key.id());
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = (VerificationKey::read(text).is_ok(), SigningKey::from_pem(text).is_ok());
    }
});
