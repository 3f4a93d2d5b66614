//! A trading service in small: orders come in over NATS and are booked in `PostgreSQL`, Kafka hears of it, prices are cached in
//! Dragonfly and folded into candles by `ClickHouse`, and Weaviate finds what could be traded instead.
//!
//! # Layout
//! - [`amount`]: prices and quantities, exact.
//! - [`order`]: what is asked for, and what became of it.
//! - [`intake`]: orders on their way, in a stream of NATS.
//! - [`book`]: orders as they are kept, in `PostgreSQL`.
//! - [`announcer`]: what happened to orders, for everybody, in Kafka.
//! - [`desk`]: the service itself: takes an order in, books it, announces it.
//! - [`market`]: trades and their candles, in `ClickHouse`.
//! - [`quotes`]: the last price of an instrument, in Dragonfly.
//! - [`similar`]: instruments alike, in Weaviate.

pub mod amount;
pub mod announcer;
pub mod book;
pub mod desk;
pub mod intake;
pub mod market;
pub mod order;
pub mod quotes;
pub mod similar;

/// What any of the engines may answer.
pub type Error = Box<dyn std::error::Error + Send + Sync>;
