//! What a tenant's user may do: everything in its database, and nothing that reaches further.

use redis::aio::MultiplexedConnection;

use super::super::super::tenancy::TenantName;
use super::super::super::{Endpoint, EngineError};

/// Whole groups first, then what is harmless of them. The groups hold what reaches every database or client: `FLUSHALL`,
/// `SWAPDB`, `MONITOR`, `CONFIG`, `ACL`, `SHUTDOWN`, `DEBUG`, `INFO`.
const EVERYWHERE: [&str; 14] = [
    "+@all",
    "-@admin",
    "-@dangerous",
    "+keys",
    "+sort",
    "+flushdb",
    "+restore",
    // They take the number of another database.
    "-move",
    "-copy",
    // They tell of others' channels and connections, or end them; scripts and functions are every database's.
    "-pubsub",
    "-client",
    "-script",
    "-function",
    "-memory",
];

/// Valkey allows single words of a command, and that is all it has to keep a user in a database.
const OF_VALKEY: [&str; 15] = [
    "-select",
    "+sort_ro",
    "-fcall",
    "-fcall_ro",
    "-acl",
    "+acl|whoami",
    "+client|getname",
    "+client|id",
    "+client|info",
    "+client|reply",
    "+client|setinfo",
    "+client|setname",
    "+memory|usage",
    "+script|exists",
    "+script|load",
];

/// The channel `name` of `tenant`.
pub(super) fn channel(tenant: &TenantName, name: &str) -> String {
    format!("{tenant}:{name}")
}

/// Makes the user of `tenant`, who logs in with `password`.
pub(super) async fn grant(
    endpoint: &Endpoint,
    connection: &mut MultiplexedConnection,
    tenant: &TenantName,
    password: &str,
    database: u32,
    is_dragonfly: bool,
) -> Result<(), EngineError> {
    redis::cmd("ACL")
        .arg("SETUSER")
        .arg(tenant.as_str())
        .arg(format!(">{password}"))
        .arg(rules(tenant, database, is_dragonfly))
        .exec_async(connection)
        .await
        .map_err(endpoint.failed(format!("make the user {tenant}")))
}

/// Removes the user of `tenant` and ends its connections; one that was never made is gone as well.
pub(super) async fn withdraw(
    endpoint: &Endpoint,
    connection: &mut MultiplexedConnection,
    tenant: &TenantName,
) -> Result<(), EngineError> {
    redis::cmd("ACL")
        .arg("DELUSER")
        .arg(tenant.as_str())
        .exec_async(connection)
        .await
        .map_err(endpoint.failed(format!("remove the user {tenant}")))
}

fn rules(tenant: &TenantName, database: u32, is_dragonfly: bool) -> Vec<String> {
    let mut rules = vec![
        "on".to_owned(),
        "~*".to_owned(),
        "resetchannels".to_owned(),
        format!("&{}", channel(tenant, "*")),
        // The events of keys are channels too, which carry the number of the database.
        format!("&__keyevent@{database}__:*"),
        format!("&__keyspace@{database}__:*"),
    ];
    rules.extend(EVERYWHERE.map(str::to_owned));
    if is_dragonfly {
        // Dragonfly's own rule: it refuses every other database, also the one that a connection begins in.
        rules.push(format!("${database}"));
    } else {
        rules.extend(OF_VALKEY.map(str::to_owned));
        rules.push(format!("+select|{database}"));
    }
    rules
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_server_is_given_the_rule_of_its_own_that_keeps_a_user_in_a_database() {
        let tenant = TenantName::random();

        let dragonfly = rules(&tenant, 5, true);
        assert!(dragonfly.contains(&"$5".to_owned()), "{dragonfly:?}");
        assert!(dragonfly.iter().all(|rule| !rule.contains('|')), "{dragonfly:?}");

        let valkey = rules(&tenant, 5, false);
        assert!(valkey.contains(&"+select|5".to_owned()), "{valkey:?}");
        assert!(valkey.iter().all(|rule| !rule.starts_with('$')), "{valkey:?}");
    }
}
