//! Orders as they are kept, in PostgreSQL.

use tokio_postgres::Client;

use crate::Error;
use crate::amount::Amount;
use crate::order::{Order, Outcome};

/// The tables of the platform, and the limits that this service adds.
pub struct Book {
    client: Client,
}

impl Book {
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    /// Opens an account that may order as much as `limit` at once.
    pub async fn open_account(&self, name: &str, limit: Amount) -> Result<(), Error> {
        self.client
            .execute(
                "WITH account AS (
                     INSERT INTO trading.accounts (name, base_currency) VALUES ($1, 'EUR') RETURNING account_id
                 )
                 INSERT INTO trading.limits SELECT account_id, $2::text::numeric FROM account",
                &[&name, &limit.to_string()],
            )
            .await?;
        Ok(())
    }

    /// Lists an instrument.
    pub async fn list(&self, symbol: &str) -> Result<(), Error> {
        self.client
            .execute(
                "INSERT INTO reference.instruments (venue, symbol, asset_class, currency, tick_size, lot_size)
                 VALUES ('XETR', $1, 'equity', 'EUR', 0.01, 1)",
                &[&symbol],
            )
            .await?;
        Ok(())
    }

    /// Books an order, unless its account may not or nobody knows what it names.
    pub async fn enter(&self, order: &Order) -> Result<Outcome, Error> {
        if let Some(reason) = self.objection(order).await? {
            return Ok(Outcome::Refused { reason });
        }
        let row = self
            .client
            .query_one(
                "INSERT INTO trading.orders
                     (account_id, instrument_id, client_order_id, side, kind, quantity, limit_price)
                 SELECT account_id, instrument_id, $3, $4, 'limit', $5::text::numeric, $6::text::numeric
                 FROM trading.accounts, reference.instruments
                 WHERE name = $1 AND symbol = $2
                 ON CONFLICT (account_id, client_order_id) DO UPDATE SET updated_at = now()
                 -- Only a new row was never locked by a transaction that updates it.
                 RETURNING order_id, xmax = 0",
                &[
                    &order.account,
                    &order.symbol,
                    &order.number,
                    &order.side.as_str(),
                    &order.quantity.to_string(),
                    &order.limit.to_string(),
                ],
            )
            .await?;
        let id = row.get(0);
        Ok(if row.get(1) {
            Outcome::Booked { id }
        } else {
            Outcome::Known { id }
        })
    }

    /// How many orders of an account are in the book.
    pub async fn count(&self, account: &str) -> Result<i64, Error> {
        let row = self
            .client
            .query_one(
                "SELECT count(*) FROM trading.orders JOIN trading.accounts USING (account_id) WHERE name = $1",
                &[&account],
            )
            .await?;
        Ok(row.get(0))
    }

    /// Why the order cannot be booked.
    async fn objection(&self, order: &Order) -> Result<Option<String>, Error> {
        let row = self
            .client
            .query_one(
                "SELECT EXISTS (SELECT FROM trading.accounts WHERE name = $1),
                        EXISTS (SELECT FROM reference.instruments WHERE symbol = $2),
                        EXISTS (SELECT FROM trading.limits JOIN trading.accounts USING (account_id)
                                WHERE name = $1 AND $3::text::numeric > max_quantity)",
                &[&order.account, &order.symbol, &order.quantity.to_string()],
            )
            .await?;
        Ok(match (row.get(0), row.get(1), row.get(2)) {
            (false, _, _) => Some(format!("there is no account {}", order.account)),
            (_, false, _) => Some(format!("there is no instrument {}", order.symbol)),
            (_, _, true) => Some(format!("{} is more than {} may order", order.quantity, order.account)),
            _ => None,
        })
    }
}
