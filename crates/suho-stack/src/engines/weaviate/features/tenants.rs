//! Who sees whose objects.

use reqwest::Method;
use serde_json::{Value, json};

use super::super::super::EngineError;
use super::super::super::asking::prove_and_remove;
use super::super::super::proving::{Evidence, Subject};
use super::class::{Class, TICKS, texts};

const VECTORS: &[(&str, &str)] = &[("trend", "cosine")];
const FIRST: &str = "first";
const SECOND: &str = "second";

/// How a class keeps tenants apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tenancy {
    /// It has none.
    Absent,
    /// A tenant is active or not, as it was told.
    Strict,
    /// A tenant that is asked for becomes active by that.
    Automatic,
}

impl Tenancy {
    fn definition(self) -> Value {
        json!({"multiTenancyConfig": {
            "enabled": self != Self::Absent,
            "autoTenantActivation": self == Self::Automatic,
        }})
    }
}

/// Inserts ticks for one of two tenants of a class with this `tenancy`: the other must not see them.
pub async fn apart(subject: &Subject<'_>, tenancy: Tenancy) -> Result<Evidence, EngineError> {
    let endpoint = subject.endpoint;
    let class = Class::new(endpoint).await?;
    let proof = async {
        create(&class, tenancy).await?;
        let first = count(&class, FIRST, "read as the tenant that has inserted").await?;
        endpoint.expect("read as the tenant that has inserted", &TICKS.len(), &first)?;
        let second = count(&class, SECOND, "read as the other tenant").await?;
        endpoint.expect("read as the other tenant", &0, &second)?;
        let nobody = count(&class, "third", "read as a tenant that does not exist").await;
        expect_refusal(
            &class,
            "read as a tenant that does not exist",
            "tenant not found",
            nobody,
        )
    };
    prove_and_remove(endpoint, proof, class.delete()).await?;
    Evidence::proved(format!("{} objects seen by their tenant, 0 by the other", TICKS.len()))
}

/// Makes a tenant inactive, asks for its objects, and makes it active again.
pub async fn inactive(subject: &Subject<'_>, tenancy: Tenancy) -> Result<Evidence, EngineError> {
    let endpoint = subject.endpoint;
    let class = Class::new(endpoint).await?;
    let proof = async {
        create(&class, tenancy).await?;
        set(&class, "INACTIVE").await?;
        let action = "refuse an inactive tenant";
        expect_refusal(&class, action, "not active", count(&class, FIRST, action).await)?;
        set(&class, "ACTIVE").await?;
        let action = "read as a tenant that is active again";
        endpoint.expect(action, &TICKS.len(), &count(&class, FIRST, action).await?)
    };
    prove_and_remove(endpoint, proof, class.delete()).await?;
    Evidence::proved(format!("refused while inactive, {} objects afterwards", TICKS.len()))
}

/// A class with two tenants, the first of which has ticks.
async fn create(class: &Class<'_>, tenancy: Tenancy) -> Result<(), EngineError> {
    class.create(VECTORS, &tenancy.definition()).await?;
    let tenants = json!([{"name": FIRST}, {"name": SECOND}]);
    class
        .submit(Method::POST, "/tenants", &tenants, "add two tenants")
        .await?;
    class.insert(&["trend"], Some(FIRST)).await
}

async fn set(class: &Class<'_>, status: &str) -> Result<(), EngineError> {
    let tenants = json!([{"name": FIRST, "activityStatus": status}]);
    let action = format!("set a tenant {status}");
    class.submit(Method::PUT, "/tenants", &tenants, &action).await
}

/// How many ticks `tenant` sees.
async fn count(class: &Class<'_>, tenant: &str, action: &str) -> Result<usize, EngineError> {
    let rows = class.get(&format!("(tenant: \"{tenant}\")"), "text", action).await?;
    Ok(texts(&rows).len())
}

fn expect_refusal(
    class: &Class<'_>,
    action: &str,
    words: &str,
    answer: Result<usize, EngineError>,
) -> Result<(), EngineError> {
    match answer {
        Err(error) if error.in_full().contains(words) => Ok(()),
        Err(error) => Err(error),
        Ok(count) => Err(class
            .caller
            .endpoint
            .unexpected(action, words, format!("{count} objects"))),
    }
}
