use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::TenantName;
use crate::deployment::Secret;

/// A tenant's room in one engine. It outlives the process that made it, so it can be written down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Room {
    /// Whose it is.
    pub tenant: TenantName,
    /// What the engine's folder needs to know of it - `database`, `user`, `password`, `prefix` - by the engine's own words.
    pub coordinates: BTreeMap<String, Secret>,
    /// What this edition of the engine does not keep apart, in words; empty where the walls are whole.
    pub not_offered: Vec<String>,
}

impl Room {
    /// A room of `tenant`'s with whole walls.
    #[must_use]
    pub fn new(tenant: TenantName) -> Self {
        Self {
            tenant,
            coordinates: BTreeMap::new(),
            not_offered: Vec::new(),
        }
    }

    /// The same room with a coordinate more.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.coordinates.insert(name.to_owned(), Secret::new(value));
        self
    }

    /// The same room with a wall that is not whole.
    #[must_use]
    pub fn without(mut self, what: impl Into<String>) -> Self {
        self.not_offered.push(what.into());
        self
    }

    /// The coordinate `name`; empty where the room was made without it.
    #[must_use]
    pub fn get(&self, name: &str) -> &str {
        self.coordinates.get(name).map_or("", Secret::expose)
    }
}

/// How to get into a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WayIn {
    /// For programs: `postgres://t3f2a…:…@127.0.0.1:40123/t3f2a…`.
    pub url: Secret,
    /// For people, ready to paste: `psql postgres://…`.
    pub command: Secret,
    /// The variables by which programs find the room: `DATABASE_URL` and the like.
    pub variables: Vec<(&'static str, Secret)>,
}
