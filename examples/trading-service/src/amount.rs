//! Prices and quantities, exact.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// As many decimals as the tables of the platform have.
const DECIMALS: usize = 8;
const ONE: i64 = 100_000_000;

/// A number with eight decimals, written as a decimal everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Amount(i64);

/// What is no amount.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no number with at most {DECIMALS} decimals")]
pub struct NoAmount(String);

impl FromStr for Amount {
    type Err = NoAmount;

    fn from_str(text: &str) -> Result<Self, NoAmount> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let is_number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        let is_amount = !whole.is_empty() && is_number(whole) && is_number(fraction) && fraction.len() <= DECIMALS;
        let units = format!("{whole}{fraction:0<DECIMALS$}").parse();
        units
            .ok()
            .filter(|_| is_amount)
            .map(Self)
            .ok_or_else(|| NoAmount(text.to_owned()))
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = self.0 / ONE;
        let fraction = format!("{:0DECIMALS$}", self.0 % ONE);
        match fraction.trim_end_matches('0') {
            "" => write!(f, "{whole}"),
            fraction => write!(f, "{whole}.{fraction}"),
        }
    }
}

impl TryFrom<String> for Amount {
    type Error = NoAmount;

    fn try_from(text: String) -> Result<Self, NoAmount> {
        text.parse()
    }
}

impl From<Amount> for String {
    fn from(amount: Amount) -> Self {
        amount.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_written_as_it_was_read() {
        for text in ["0", "1", "100.5", "0.00000001", "92233720368.54775807"] {
            assert_eq!(text.parse::<Amount>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        for text in ["", ".", ".5", "-1", "+1", "1e3", "1.000000001", "92233720368.54775808"] {
            assert!(text.parse::<Amount>().is_err(), "{text}");
        }
    }
}
