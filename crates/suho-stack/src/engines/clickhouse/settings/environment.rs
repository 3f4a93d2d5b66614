//! The variables, by their effects.

use super::super::super::proving::Finding;
use super::users::View;
use super::{not_offered, unknown};
use crate::deployment::Setting;

/// What came of a variable.
pub(super) fn find(setting: &Setting, users: &View) -> Finding {
    match setting.key.as_str() {
        // The image's start would make a user of its own, and remove this one.
        "CLICKHOUSE_SKIP_USER_SETUP" if users.stand_in.0 => not_offered("its start makes no user, with or without it"),
        "CLICKHOUSE_SKIP_USER_SETUP" => {
            let shown = u8::from(users.has_user("default")).to_string();
            Finding::compared(shown == setting.value.expose(), shown, "system.users")
        }
        "CLICKHOUSE_USER" => {
            Finding::not_askable("the start alone uses it, and whom the init scripts ran as is noted nowhere")
        }
        variable => users.password_in(variable).unwrap_or_else(unknown),
    }
}
