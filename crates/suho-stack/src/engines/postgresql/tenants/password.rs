//! Passwords that nobody can guess, and what the server keeps of them.

use base64::{Engine, prelude::BASE64_STANDARD};
use hmac::{Hmac, Mac, digest::InvalidLength};
use sha2::{Digest, Sha256};

/// A password of 128 random bits.
pub(super) fn random() -> String {
    format!("p{:032x}", rand::random::<u128>())
}

/// What the server keeps of `password`: a verifier as of RFC 5803, so that the password itself is in no statement, and in no
/// log of statements.
///
/// The thousands of rounds of a person's password are there against guessing, which is hopeless here anyway; they would cost
/// the server 4 ms for each role that is made, and its client as much for each login.
pub(super) fn verifier(password: &str) -> Result<String, InvalidLength> {
    with_salt(password, &rand::random())
}

fn with_salt(password: &str, salt: &[u8; 16]) -> Result<String, InvalidLength> {
    // One round: the salt, and the number of the first block.
    let salted = sign(password.as_bytes(), &[salt, &1u32.to_be_bytes()])?;
    let client = sign(&salted, &[b"Client Key"])?;
    let server = sign(&salted, &[b"Server Key"])?;
    let [salt, stored, server] =
        [&salt[..], &Sha256::digest(client), &server].map(|bytes| BASE64_STANDARD.encode(bytes));
    Ok(format!("SCRAM-SHA-256$1:{salt}${stored}:{server}"))
}

fn sign(key: &[u8], parts: &[&[u8]]) -> Result<[u8; 32], InvalidLength> {
    let mut signing = Hmac::<Sha256>::new_from_slice(key)?;
    for part in parts {
        signing.update(part);
    }
    Ok(signing.finalize().into_bytes().into())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    /// What PostgreSQL 17 has of that password after `SET scram_iterations = 1`.
    const OF_SERVER: &str = "SCRAM-SHA-256$1:wOAdMdoaomD2EjDBRTm51A==$nMl88AjNWZs8KgtsQxGyw96NQTeSMqvXrDwHKu5yi80=:t8eATVcu0JTkHf9KdWwyhAv0Qm4n7eJpa+GecEMEAIE=";

    #[test]
    fn the_verifier_is_the_one_that_the_server_makes_itself() {
        let salt = BASE64_STANDARD.decode("wOAdMdoaomD2EjDBRTm51A==").unwrap();

        let verifier = with_salt("correct horse", &salt.try_into().unwrap()).unwrap();

        assert_eq!(verifier, OF_SERVER);
    }
}
