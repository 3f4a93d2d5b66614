//! Tenants: each has what it needs, none sees or disturbs another, and nothing is left of them.
//!
//! # Layout
//! - `errand`: another process on a stack of this one.
//! - [`lifecycle`]: a tenant's end - dropped, kept, killed - and who cleans up.
//! - [`lent`]: a stack as it is lent to tenants.
//! - `pace`: how long each step of many tenants' lives took.
//! - [`pool`]: rooms made ahead, handed over, and made in a steady stream.
//! - A file per engine: what is one tenant's is no other's.

mod clickhouse;
mod dragonflydb;
mod errand;
mod kafka;
mod lent;
mod lifecycle;
mod nats;
mod pace;
mod pool;
mod postgresql;
mod weaviate;
