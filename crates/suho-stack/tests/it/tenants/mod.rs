//! Tenants are kept apart, leave nothing behind, and find again what they had at a snapshot.
//!
//! # Layout
//! - A file per engine.

mod dragonflydb;
mod weaviate;
