//! Names of databases, and names as SQL.

use sha2::{Digest, Sha256};

use super::super::super::Endpoint;
use super::super::super::tenancy::{Migrations, TenantName};
use super::super::client;

/// The tablespace in memory, of a server that was lent.
pub(super) const MEMORY: &str = "suho_tenants";

/// Of a name that goes into others: what is put behind it has 29, and `PostgreSQL` takes 63 bytes.
const LONGEST: usize = 30;

/// The template with the schema of `database`.
pub(super) fn template(database: &str) -> String {
    if database.len() > LONGEST {
        return format!("d{}_template", hash(database));
    }
    format!("{database}_template")
}

/// The role of which every tenant of the server is a member, and which has the rights in the templates: it is called as the
/// template is.
pub(super) fn group(endpoint: &Endpoint) -> String {
    template(client::database(endpoint))
}

/// The template with `migrations` on top of `base`.
pub(super) fn migrated(base: &str, migrations: &Migrations) -> String {
    if migrations.steps().is_empty() {
        return base.to_owned();
    }
    format!("{base}_{}", migrations.hash())
}

/// The tenant's snapshot `label`, which may be any text.
pub(super) fn snapshot(tenant: &TenantName, label: &str) -> String {
    format!("{tenant}_{}", hash(label))
}

/// What will be `database` when it is whole.
pub(super) fn in_the_making(database: &str) -> String {
    format!("{database}_making")
}

fn hash(text: &str) -> String {
    let mut hash = format!("{:x}", Sha256::digest(text));
    hash.truncate(12);
    hash
}

/// `name` as an identifier of SQL.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// `text` as a string of SQL, also where backslashes would mean something.
pub(super) fn literal(text: &str) -> String {
    format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_is_longer_than_the_server_takes() {
        let migrations = Migrations::new().script("a", "SELECT 1");
        for database in ["suho", &"d".repeat(LONGEST), &"d".repeat(63)] {
            let name = in_the_making(&migrated(&template(database), &migrations));
            assert!(name.len() <= 63, "{name}");
        }
        let name = in_the_making(&snapshot(&TenantName::random(), "label"));
        assert!(name.len() <= 63, "{name}");
    }

    #[test]
    fn without_migrations_the_template_is_that_of_the_schema() {
        assert_eq!(migrated("suho_template", &Migrations::new()), "suho_template");
    }

    #[test]
    fn a_quote_ends_neither_a_name_nor_a_string() {
        assert_eq!(quoted("a\"; DROP"), "\"a\"\"; DROP\"");
        assert_eq!(literal("it's \\"), "E'it''s \\\\'");
    }
}
