//! What is asked for, and what became of it.

use serde::{Deserialize, Serialize};

use crate::amount::Amount;

/// An order at a limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Whose it is.
    pub account: String,
    /// The sender's own number: an order that is sent twice is one order.
    pub number: String,
    pub symbol: String,
    pub side: Side,
    pub quantity: Amount,
    pub limit: Amount,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    Buy,
    Sell,
}

impl Side {
    /// As the tables write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Buy => "buy",
            Self::Sell => "sell",
        }
    }
}

/// What became of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It is in the book.
    Booked { id: i64 },
    /// It was in the book already.
    Known { id: i64 },
    /// It is not wanted.
    Refused { reason: String },
}
