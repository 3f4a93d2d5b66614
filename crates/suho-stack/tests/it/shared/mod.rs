//! One warm stack for every process, whoever is killed.
//!
//! # Layout
//! - `process`: a process that asks for a warm stack: this test binary, run again.
//! - `remains`: what is left of a stack, of any kind.
//! - `crowd`: 64 processes at once.
//! - `kills`: whoever is killed, whenever.
//! - `life`: attached to, replaced, lingering, kept.
//! - `attach`: how long it takes, beside a program that only connects.

mod attach;
mod crowd;
mod kills;
mod life;
mod process;
mod remains;
