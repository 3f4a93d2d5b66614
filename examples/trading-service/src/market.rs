//! Trades and their candles, in ClickHouse.

use clickhouse::{Client, Row};
use serde::Deserialize;

use crate::Error;
use crate::amount::Amount;

/// The tables of the platform in the client's database.
pub struct Market {
    client: Client,
}

/// A minute of trading; prices as ClickHouse writes them.
#[derive(Debug, Clone, PartialEq, Eq, Row, Deserialize)]
pub struct Candle {
    pub open: String,
    pub high: String,
    pub low: String,
    pub close: String,
    pub trades: u64,
}

impl Market {
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    /// Takes note of a trade, `second` seconds after the epoch.
    pub async fn trade(&self, symbol: &str, second: u32, number: u64, price: Amount) -> Result<(), Error> {
        self.client
            .query(
                "INSERT INTO ticks (symbol, ts, price, quantity, side, venue, trade_id)
                 SELECT ?, toDateTime64(?, 6, 'UTC'), toDecimal64(?, 8), 1, 'buy', 'XETR', ?",
            )
            .bind(symbol)
            .bind(second)
            .bind(price.to_string())
            .bind(number)
            .execute()
            .await?;
        Ok(())
    }

    /// The newest candle of an instrument.
    pub async fn last_candle(&self, symbol: &str) -> Result<Option<Candle>, Error> {
        let candle = self
            .client
            .query(
                "SELECT toString(candle.open) AS open, toString(candle.high) AS high, toString(candle.low) AS low,
                        toString(candle.close) AS close, candle.trades AS trades
                 FROM candles_1m AS candle WHERE candle.symbol = ? ORDER BY candle.bucket DESC LIMIT 1",
            )
            .bind(symbol)
            .fetch_optional()
            .await?;
        Ok(candle)
    }
}
