use std::{
    collections::BTreeMap,
    env,
    future::{IntoFuture, Ready, ready},
    thread,
};

use super::{Tenant, TenantError, Tenants};
use crate::engines::tenancy::Migrations;

/// What a tenant shall be; awaiting it gives the [`Tenant`].
///
/// ```no_run
/// # async fn example(tenants: suho_stack::stack::Tenants) -> Result<(), suho_stack::stack::TenantError> {
/// use suho_stack::engines::tenancy::Migrations;
///
/// let orders = Migrations::new().script("orders.sql", "CREATE TABLE orders (id bigint PRIMARY KEY)");
/// let tenant = tenants.tenant().migrations("postgresql", orders).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "a tenant is made by awaiting its builder"]
pub struct TenantBuilder {
    tenants: Tenants,
    migrations: BTreeMap<String, Migrations>,
    label: Option<String>,
}

impl TenantBuilder {
    pub(super) fn new(tenants: Tenants) -> Self {
        Self {
            tenants,
            migrations: BTreeMap::new(),
            label: None,
        }
    }

    /// What its room in `engine` begins with, beside the schema of the deployment.
    pub fn migrations(mut self, engine: &str, migrations: Migrations) -> Self {
        self.migrations.insert(engine.to_owned(), migrations);
        self
    }

    /// What it is for, in lists of tenants; the name of the test by default, which is that of the thread.
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }
}

impl IntoFuture for TenantBuilder {
    type Output = Result<Tenant, TenantError>;
    type IntoFuture = Ready<Self::Output>;

    /// Nothing is waited for: rooms are made when they are first asked for.
    fn into_future(self) -> Self::IntoFuture {
        let label = self.label.unwrap_or_else(name_of_test);
        ready(Tenant::new(self.tenants, self.migrations, label))
    }
}

/// By which the test that runs here is known.
fn name_of_test() -> String {
    let thread = thread::current();
    match thread.name() {
        // A test that runs alone runs on the main thread; nextest tells its name.
        None | Some("main") => env::var("NEXTEST_TEST_NAME").unwrap_or_else(|_| "without a label".to_owned()),
        Some(name) => name.to_owned(),
    }
}
