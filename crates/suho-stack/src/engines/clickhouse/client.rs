//! The official client, and what `ClickHouse` says to those it does not know.

use clickhouse::Client;
use clickhouse::error::Error;

use super::super::asking::Stranger;
use super::super::scratch::wrong_password;
use super::super::{Endpoint, EngineError};

const PORT: u16 = 8123;
const PASSWORD: &str = "SUHO_CLICKHOUSE_PASSWORD";
/// The service user.
pub(super) const USER: &str = "suho";

/// `UNKNOWN_USER`, `WRONG_PASSWORD`, `REQUIRED_PASSWORD`, `AUTHENTICATION_FAILED`.
const REFUSALS: [u32; 4] = [192, 193, 194, 516];

/// The base of every request.
pub(super) fn url(endpoint: &Endpoint) -> Result<String, EngineError> {
    Ok(format!("http://{}", endpoint.address(PORT)?))
}

/// The service user's password.
pub(super) fn password(endpoint: &Endpoint) -> Result<&str, EngineError> {
    endpoint.credential(PASSWORD)
}

/// A client of the service user. It connects with its first query.
pub(super) fn connect(endpoint: &Endpoint) -> Result<Client, EngineError> {
    let client = Client::default().with_url(url(endpoint)?);
    Ok(client.with_user(USER).with_password(password(endpoint)?))
}

/// A client of somebody else: without credentials it is the server's user `default`.
pub(super) fn stranger(endpoint: &Endpoint, stranger: Stranger) -> Result<Client, EngineError> {
    let client = Client::default().with_url(url(endpoint)?);
    Ok(match stranger {
        Stranger::WrongPassword => client.with_user(USER).with_password(wrong_password()),
        Stranger::NoPassword => client,
    })
}

/// The server's words, if it turned the client away because of who it is.
pub(super) fn refusal(error: &Error) -> Option<String> {
    let Error::BadResponse(words) = error else {
        return None;
    };
    let code = exception_code(words)?;
    REFUSALS.contains(&code).then(|| words.trim().to_owned())
}

/// The number in `Code: 516. DB::Exception: …`.
fn exception_code(words: &str) -> Option<u32> {
    let (_, rest) = words.split_once("Code: ")?;
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(
        "Code: 516. DB::Exception: suho: Authentication failed: password is incorrect, or there is no user with such name.",
        true
    )]
    #[case(
        "Code: 194. DB::Exception: default: Authentication failed. (REQUIRED_PASSWORD)",
        true
    )]
    #[case(
        "Code: 60. DB::Exception: Unknown table expression identifier 'infra.init_done'. (UNKNOWN_TABLE)",
        false
    )]
    #[case("502 Bad Gateway", false)]
    fn an_exception_is_a_refusal_by_its_code(#[case] words: &str, #[case] expected: bool) {
        assert_eq!(refusal(&Error::BadResponse(words.into())).is_some(), expected);
    }

    #[test]
    fn trouble_with_the_connection_is_no_refusal() {
        assert_eq!(refusal(&Error::TimedOut), None);
    }
}
