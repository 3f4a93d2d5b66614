//! A user with a password, where an engine's users stand in the file that it is started with.

use super::tenancy::Room;
use super::{Endpoint, EngineError};
use crate::deployment::Secret;

/// The coordinates of a room that say who enters it.
pub(super) const USER: &str = "user";
pub(super) const PASSWORD: &str = "password";

/// A name and a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Login {
    pub user: String,
    pub password: Secret,
}

impl Login {
    /// Who enters `room`; nobody in particular where the engine asks for none.
    pub(super) fn of_room(room: &Room) -> Option<Self> {
        let user = room.get(USER);
        (!user.is_empty()).then(|| Self {
            user: user.to_owned(),
            password: Secret::new(room.get(PASSWORD)),
        })
    }

    /// `room`, which this user enters.
    pub(super) fn enters(&self, room: Room) -> Room {
        room.with(USER, &self.user).with(PASSWORD, self.password.expose())
    }
}

/// Who the platform's programs are.
#[derive(Debug)]
pub(super) struct Programs {
    /// Their user, in an engine of ours.
    pub user: &'static str,
    /// The variable that names another, in an engine that is not ours; it is empty where that one asks for nobody.
    pub named_by: &'static str,
    /// The variable that carries the password.
    pub password: &'static str,
}

impl Programs {
    /// As whom they enter the engine at `endpoint`; none where it asks for nobody.
    pub(super) fn login(&self, endpoint: &Endpoint) -> Result<Option<Login>, EngineError> {
        let user = endpoint.environment.get(self.named_by);
        let user = user.map_or(self.user, Secret::expose);
        if user.is_empty() {
            return Ok(None);
        }
        Ok(Some(Login {
            user: user.to_owned(),
            password: Secret::new(endpoint.credential(self.password)?),
        }))
    }
}
