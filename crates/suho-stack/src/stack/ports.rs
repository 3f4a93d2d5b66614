//! The platform's own ports, or free ones.

use std::net::TcpListener;

use rand::Rng;

use super::StackError;
use crate::deployment::{Deployment, Files, Secret, Variables};

/// Below the range from which the kernel takes the ports of outgoing connections, so that none of them is in the way.
const FREE: std::ops::Range<u16> = 20_000..32_000;
/// How many ports are tried before the search is given up.
const TRIES: usize = 1_000;

/// What Docker takes for a port that it may choose.
const CHOSEN_BY_DOCKER: u16 = 0;

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
    pub(super) fn fill(
        self,
        variables: &mut Variables,
        files: &Files,
        compose_files: &[&str],
    ) -> Result<(), StackError> {
        if self == Self::Platform {
            return Ok(());
        }
        let uses = Deployment::variables(files, compose_files)?;
        let mut taken = Vec::new();
        for name in Deployment::port_variables(files, compose_files)? {
            if variables.get(&name).is_some() {
                continue;
            }
            // Docker chooses and binds in one step, but what a service is told of its own port has to be known before.
            let told = uses.iter().filter(|used| used.name == name).count() > 1;
            let port = if told { free_port(&taken)? } else { CHOSEN_BY_DOCKER };
            taken.push(port);
            variables.set(name, Secret::new(port.to_string()));
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

#[cfg(test)]
mod tests {
    use super::*;

    const COMPOSE: [&str; 1] = ["docker-compose.yml"];

    #[test]
    fn a_port_is_known_before_where_a_service_is_told_it() -> Result<(), StackError> {
        let mut variables = Variables::default();

        Ports::Ephemeral.fill(&mut variables, &Files::embedded(), &COMPOSE)?;

        assert_eq!(variables.get("SUHO_NATS_PORT"), Some("0"));
        let kafka = variables.get("SUHO_KAFKA_PORT").and_then(|port| port.parse().ok());
        assert!(kafka.is_some_and(|port| FREE.contains(&port)), "{kafka:?}");
        Ok(())
    }

    #[test]
    fn what_the_user_chose_stays_and_the_platforms_own_are_left_to_the_files() -> Result<(), StackError> {
        let mut variables = Variables::default();
        variables.set("SUHO_NATS_PORT", Secret::new("14222"));

        Ports::Ephemeral.fill(&mut variables, &Files::embedded(), &COMPOSE)?;
        assert_eq!(variables.get("SUHO_NATS_PORT"), Some("14222"));

        let mut untouched = Variables::default();
        Ports::Platform.fill(&mut untouched, &Files::embedded(), &COMPOSE)?;
        assert_eq!(untouched.iter().count(), 0);
        Ok(())
    }
}
