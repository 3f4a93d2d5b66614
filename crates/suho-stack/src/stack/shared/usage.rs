//! Who uses a warm stack, and how long it stays.

use super::{Linger, lease, lock::Lock, paths::Paths};
use crate::stack::{StackError, state::failed};

/// How a warm stack is used now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// A process holds it.
    pub in_use: bool,
    /// A process is starting it.
    pub is_starting: bool,
    /// How long it stays after its last user.
    pub linger: Linger,
    /// A reaper watches it. Without one, the next start of a warm stack removes it when nobody uses it.
    pub has_reaper: bool,
}

impl Usage {
    /// Of the stack `name`; `None` where that is no warm stack of this user.
    pub fn of(name: &str) -> Result<Option<Self>, StackError> {
        let look = || {
            let paths = Paths::of(name)?;
            let Some(linger) = lease::wished(&paths) else {
                return Ok(None);
            };
            Ok(Some(Self {
                in_use: Lock::is_held(&paths.lease())?,
                is_starting: Lock::is_held_alone(&paths.start())?,
                linger,
                has_reaper: Lock::is_held_alone(&paths.reaper())?,
            }))
        };
        look().map_err(failed("lock", &crate::stack::state::directory()))
    }

    /// The names of the warm stacks of this user.
    pub fn stacks() -> Result<Vec<String>, StackError> {
        Paths::stacks().map_err(failed("list", &crate::stack::state::directory()))
    }
}
