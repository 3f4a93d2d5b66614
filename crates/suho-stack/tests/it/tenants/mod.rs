//! Tenants of one engine do not meet, and nothing of theirs is left behind.
//!
//! # Layout
//! - [`kafka`]: users, prefixes and rights.
//! - [`lent`]: a stack as it is lent to tenants.
//! - [`nats`]: accounts, limits and snapshots.

mod kafka;
mod lent;
mod nats;
