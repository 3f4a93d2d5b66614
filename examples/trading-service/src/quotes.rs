//! The last price of an instrument, in Dragonfly.

use std::time::Duration;

use redis::AsyncCommands;
use redis::aio::MultiplexedConnection;

use crate::Error;
use crate::amount::Amount;

/// Prices that are forgotten when nobody renews them: an old price is worse than none.
pub struct Quotes {
    connection: MultiplexedConnection,
    life: Duration,
}

impl Quotes {
    pub fn new(connection: MultiplexedConnection, life: Duration) -> Self {
        Self { connection, life }
    }

    pub async fn set(&self, symbol: &str, price: Amount) -> Result<(), Error> {
        let life = u64::try_from(self.life.as_millis())?;
        let mut connection = self.connection.clone();
        connection
            .pset_ex::<_, _, ()>(key(symbol), price.to_string(), life)
            .await?;
        Ok(())
    }

    pub async fn get(&self, symbol: &str) -> Result<Option<Amount>, Error> {
        let mut connection = self.connection.clone();
        let price: Option<String> = connection.get(key(symbol)).await?;
        Ok(price.map(|price| price.parse()).transpose()?)
    }
}

fn key(symbol: &str) -> String {
    format!("quote:{symbol}")
}
