use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use phonebox_contract::Sensitive;
use zeroize::Zeroizing;

const SECRET: usize = 32;
/// How a secret begins, so that who finds one knows what it is.
const PREFIX: &str = "whsec_";

/// What a webhook's messages are signed with.
pub(super) struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    pub(super) fn generate() -> Self {
        let mut bytes = Zeroizing::new(vec![0; SECRET]);
        aws_lc_rs::rand::fill(&mut bytes).expect("the system has random bytes");
        Self(bytes)
    }

    pub(super) fn from_bytes(bytes: Zeroizing<Vec<u8>>) -> Self {
        Self(bytes)
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// As whoever checks signatures is given it.
    pub(super) fn to_text(&self) -> Sensitive {
        let base64 = Zeroizing::new(STANDARD.encode(&*self.0));
        format!("{PREFIX}{}", *base64).into()
    }

    /// The signature of a message, sent at this second since 1970.
    pub(super) fn sign(&self, id: &str, timestamp: u64, body: &str) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.0);
        let tag = hmac::sign(&key, format!("{id}.{timestamp}.{body}").as_bytes());
        format!("v1,{}", STANDARD.encode(tag))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From the specification's own libraries.
    #[test]
    fn signs_as_standard_webhooks_does() {
        let key = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let secret = Secret::from_bytes(Zeroizing::new(key));
        let signed = secret.sign(
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            r#"{"test": 2432232314}"#,
        );
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        assert!(secret.to_text().reveal().starts_with("whsec_MfKQ9r8G"));
    }
}
