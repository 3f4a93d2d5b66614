//! The platform's own ports, or free ones.

use std::net::TcpListener;

use rand::Rng;

use super::StackError;
use crate::deployment::{Secret, Variables};

/// Below the range from which the kernel takes the ports of outgoing connections, so that none of them is in the way.
const FREE: std::ops::Range<u16> = 20_000..32_000;
/// How many ports are tried before the search is given up.
const TRIES: usize = 1_000;

/// On which host ports a stack publishes its services.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Ports {
    /// Free ports, so that stacks run side by side.
    #[default]
    Ephemeral,
    /// The platform's own, as the compose file names them.
    Platform,
}

impl Ports {
    /// Sets the port variables of the deployment; what the user set already stays.
    pub(super) fn fill(self, variables: &mut Variables, names: &[String]) -> Result<(), StackError> {
        if self == Self::Platform {
            return Ok(());
        }
        let mut taken = Vec::new();
        for name in names {
            if variables.get(name).is_none() {
                let port = free_port(&taken)?;
                taken.push(port);
                variables.set(name, Secret::new(port.to_string()));
            }
        }
        Ok(())
    }
}

fn free_port(taken: &[u16]) -> Result<u16, StackError> {
    let address = "127.0.0.1";
    let mut random = rand::rng();
    (0..TRIES)
        .map(|_| random.random_range(FREE))
        .find(|port| !taken.contains(port) && TcpListener::bind((address, *port)).is_ok())
        .ok_or_else(|| StackError::NoFreePort {
            address: address.to_owned(),
            from: FREE.start,
            to: FREE.end - 1,
        })
}
