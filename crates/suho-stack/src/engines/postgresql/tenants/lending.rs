//! What a server is started with to lodge tenants.

use super::super::super::super::deployment::{Files, Mount, Service};
use super::super::client::{Account, SCHEMA_DATABASE};
use super::names::{MEMORY, quoted, template};
use super::template::{group, rights_of, without_workers};

/// Runs after the scripts that make the schema.
const SCRIPT: &str = "init-scripts/03-seal-template.sql";
const SCRIPT_TARGET: &str = "/docker-entrypoint-initdb.d/030-seal-template.sql";
const CONFIGURATION_TARGET: &str = "/etc/postgresql/postgresql.conf";

/// Tests by the dozen, each with a pool of connections; jobs for those that ask for them. A room is written and dropped
/// within a test, and nobody misses it after a power failure: without syncing, dropping costs 9 ms instead of 38. Clones and
/// drops go through all of the shared buffers, of which the small databases of tests need few.
/// A worker of autovacuum in the template holds up whoever clones it.
const SETTINGS: &[(&str, &str)] = &[
    ("max_connections", "300"),
    ("timescaledb.max_background_workers", "64"),
    ("max_worker_processes", "69"),
    ("fsync", "off"),
    ("full_page_writes", "off"),
    ("shared_buffers", "'128MB'"),
    ("autovacuum_naptime", "'1min'"),
];

/// Memory in which databases of tenants are, in bytes: there they take 20 ms also while a build that has just ended is still
/// written to the disk, where the same takes 20 to 400 ms. What nobody writes there takes none.
const MEMORY_SIZE: u64 = 2 << 30;
const MEMORY_PLACE: &str = "/dev/shm/tenants";

/// Lets the initialisation make the template, while nobody is there whom it could disturb, and makes room for many.
pub(in super::super) fn lend(service: &mut Service, files: Files) -> Files {
    let database = service
        .environment
        .get(SCHEMA_DATABASE)
        .map(|name| name.expose().to_owned());
    let files = match configuration(service, &files) {
        Some((file, text)) => files.with(file, text),
        None => files,
    };
    let Some(database) = database else {
        return files;
    };
    service.shm_size = Some(service.shm_size.unwrap_or_default() + MEMORY_SIZE);
    service.mounts.push(Mount::File {
        source: SCRIPT.to_owned(),
        target: SCRIPT_TARGET.to_owned(),
        read_only: true,
    });
    files.with(SCRIPT, script(&database))
}

/// The file that the server reads, with our settings in place of its own.
fn configuration(service: &Service, files: &Files) -> Option<(String, String)> {
    let file = service.mounts.iter().find_map(|mount| match mount {
        Mount::File { source, target, .. } if target == CONFIGURATION_TARGET => Some(source.clone()),
        _ => None,
    })?;
    let is_ours = |line: &str| {
        let name = line.split('=').next().unwrap_or_default().trim();
        SETTINGS.iter().any(|(ours, _)| *ours == name)
    };
    let mut text: String = files
        .text(&file)
        .ok()?
        .lines()
        .filter(|line| !is_ours(line))
        .flat_map(|line| [line, "\n"])
        .collect();
    for (name, value) in SETTINGS {
        text.extend([*name, " = ", *value, "\n"]);
    }
    Some((file, text))
}

/// What [`template`](super::template) does on a server that others use already.
fn script(database: &str) -> String {
    let base = template(database);
    let (source, name) = (quoted(database), quoted(&base));
    format!(
        "\\! mkdir -m 700 {MEMORY_PLACE}
CREATE TABLESPACE {MEMORY} LOCATION '{MEMORY_PLACE}';
-- The template of all tenants, as the library would make it.
\\connect postgres
{group}
{without_workers}
CREATE DATABASE {name} TEMPLATE {source} IS_TEMPLATE true;
ALTER DATABASE {source} IS_TEMPLATE false;
REVOKE ALL ON DATABASE {name} FROM PUBLIC;
\\connect {name}
{rights}
\\connect postgres
ALTER DATABASE {name} ALLOW_CONNECTIONS false;
",
        group = group(&base),
        without_workers = without_workers(database),
        rights = rights_of(Account::Service.role(), &base),
    )
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::super::super::super::endpoint::tests::described;
    use super::*;
    use crate::deployment::Variables;

    #[test]
    fn a_lent_server_takes_more_connections_and_makes_the_template_itself() {
        let files = Files::embedded();
        let mut service = described(&files, "suho-postgresql", Variables::default()).unwrap();

        let files = lend(&mut service, files);

        let text = files.text("postgresql.conf").unwrap();
        let lines = |name: &str| text.lines().filter(|line| line.starts_with(name)).count();
        for (name, value) in SETTINGS {
            assert_eq!(lines(&format!("{name} = ")), 1, "{name}");
            assert!(text.contains(&format!("\n{name} = {value}\n")), "{name}");
        }
        assert_eq!(lines("work_mem"), 1);
        let script = files.text(SCRIPT).unwrap();
        assert!(
            script.contains("CREATE DATABASE \"suho_template\" TEMPLATE \"suho\""),
            "{script}"
        );
        assert!(
            service
                .mounts
                .iter()
                .any(|mount| matches!(mount, Mount::File { source, .. } if source == SCRIPT))
        );
    }
}
