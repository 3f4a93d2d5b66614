//! Tenants: each has what it needs, and none sees or disturbs another.
//!
//! # Layout
//! - [`clickhouse`]: a database and a user for each, as far as the edition has users.
//! - [`postgresql`]: a database and a role for each, cloned from a sealed template.

mod clickhouse;
mod postgresql;
