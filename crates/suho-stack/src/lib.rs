//! The suho data layer — seven engines — as one deployment that is launched, asked and proved.
//!
//! # Layout
//! From the ground up; a module imports only from those above it in this list.
//! - [`causes`]: how an error and its causes are told.
//! - [`deployment`]: what the stack *is*. The compose files as typed values, the configuration files, the fingerprint.
//! - [`registry`]: images fetched by their pins, bundled into archives, read from them. No engine's name appears there.
//! - [`engines`]: everything known about one engine, in its own folder: readiness, client, checks.
//! - [`config`]: what is wrong with the configuration, found without any engine; copies of it with other settings.
//! - [`runtime`]: containers, images, networks, volumes. No engine's name appears there.
//! - [`stack`]: a running stack: started in parallel, watched, stopped, found again.
//! - [`alone`]: one engine alone, as an image of testcontainers.
//! - [`proof`]: asks the engines of a running stack, ours or a deployed one, and collects the report.
//! - [`backup`]: what the engines of a stack hold, kept in directories of their own, and put back.

pub mod alone;
pub mod backup;
pub mod causes;
pub mod config;
pub mod deployment;
pub mod engines;
pub mod proof;
pub mod registry;
pub mod runtime;
pub mod stack;
