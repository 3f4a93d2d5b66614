//! A tenant for a test, and what becomes of it when the test is over.

use std::ops::Deref;
use std::sync::Arc;

use rstest::fixture;
use suho_stack::causes::in_full;
use suho_stack::stack::tenants::{self, TenantBuilder};

use crate::judging;
use crate::warm::{refuse, stack};

/// A tenant of the warm stack, with a room in each engine that it asks for.
///
/// Dropped, it is removed in the background; under [`macro@crate::test`] when the test is over. One whose test failed is kept, and
/// the way in is printed; under that attribute also where the test failed by returning an error.
#[derive(Debug)]
#[must_use = "a tenant that is dropped is removed"]
pub struct Tenant {
    tenant: Arc<tenants::Tenant>,
}

/// A tenant of the warm stack.
///
/// Its rooms are handed over when they are first asked for, each in the engine that it is asked of.
///
/// ```no_run
/// # #[cfg(all(feature = "nats", feature = "postgresql"))]
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let tenant = suho_testkit::tenant().await;
/// let nats = tenant.nats().await?.connect().await?;
/// let postgresql = tenant.postgresql().await?.connect().await?;
/// # drop((nats, postgresql));
/// # Ok(())
/// # }
/// ```
///
/// # Panics
/// Where the stack can be had in no way, with one sentence that says what to do.
#[fixture]
pub async fn tenant() -> Tenant {
    tenant_with(|tenant| tenant).await
}

/// A tenant of the warm stack with `wishes`: migrations that its rooms begin with, a label.
///
/// What a room begins with is made once for all tests that wish the same, and by its hash made anew when it changes. A fixture
/// of your own keeps the wish in one place:
///
/// ```no_run
/// # #[cfg(feature = "postgresql")]
/// # mod tests {
/// use rstest::{fixture, rstest};
/// use suho_testkit::{Migrations, Postgres, tenant_with};
///
/// #[fixture]
/// async fn orders() -> Postgres {
///     let migrations = Migrations::from_directory("migrations").expect("they are in the repository");
///     Postgres::of(tenant_with(|tenant| tenant.migrations("postgresql", migrations)).await).await
/// }
///
/// #[rstest]
/// #[suho_testkit::test]
/// async fn a_limit_holds(#[future(awt)] orders: Postgres) {
///     let client = orders.client().await;
/// #   drop(client);
/// }
/// # }
/// ```
///
/// # Panics
/// As [`tenant()`].
pub async fn tenant_with(wishes: impl FnOnce(TenantBuilder) -> TenantBuilder) -> Tenant {
    let stack = stack().await;
    match wishes(stack.tenant()).await {
        Ok(tenant) => Tenant {
            tenant: Arc::new(tenant),
        },
        Err(error) => refuse("a tenant of the warm stack", &in_full(&error)),
    }
}

impl Deref for Tenant {
    type Target = tenants::Tenant;

    fn deref(&self) -> &tenants::Tenant {
        &self.tenant
    }
}

impl Drop for Tenant {
    fn drop(&mut self) {
        judging::await_verdict(&self.tenant);
    }
}
