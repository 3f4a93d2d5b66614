//! What was in a tenant's collections, kept in collections of the same definitions that are not its own.
//!
//! Objects are read page by page, so nobody should write meanwhile.

use serde_json::{Value, json};

use super::super::super::EngineError;
use super::super::super::http::Caller;
use super::super::super::tenancy::TenantName;
use super::{collections, names};

/// Keeps all collections of `tenant` under `label`.
pub(super) async fn take(caller: &Caller<'_>, tenant: &TenantName, label: &str) -> Result<(), EngineError> {
    let (own, seal) = (names::prefix(tenant), names::seal(tenant, label));
    let originals = collections::all(caller, &own).await?;
    for definition in &originals {
        can_be_kept(caller, definition, label)?;
    }
    // The seal goes before the copies and comes after them: a snapshot that was cut off is none.
    super::client::delete_class(caller, &seal).await?;
    collections::delete_all(caller, &seal).await?;
    for definition in &originals {
        let name = collections::name(definition).trim_start_matches(&own);
        collections::copy(caller, definition, &format!("{seal}_{name}")).await?;
    }
    collections::create(caller, &json!({"class": seal, "vectorizer": "none"})).await
}

/// Makes the collections of `tenant` what they were at the snapshot `label`.
pub(super) async fn restore(caller: &Caller<'_>, tenant: &TenantName, label: &str) -> Result<(), EngineError> {
    let (own, seal) = (names::prefix(tenant), names::seal(tenant, label));
    let kept = collections::all(caller, &seal).await?;
    if !kept.iter().any(|definition| collections::name(definition) == seal) {
        let restoring = format!("restore the snapshot `{label}` of {tenant}");
        let expected = "a snapshot of that label";
        return Err(caller.endpoint.unexpected(&restoring, expected, "none, take it first"));
    }
    collections::delete_all(caller, &own).await?;
    let copies_begin = format!("{seal}_");
    for definition in &kept {
        if let Some(name) = collections::name(definition).strip_prefix(&copies_begin) {
            collections::copy(caller, definition, &format!("{own}{name}")).await?;
        }
    }
    Ok(())
}

/// Refuses what a copy would not be the same as.
fn can_be_kept(caller: &Caller<'_>, definition: &Value, label: &str) -> Result<(), EngineError> {
    let properties = definition["properties"].as_array().into_iter().flatten();
    let kinds = properties.filter_map(|property| property["dataType"][0].as_str());
    // Names of collections begin with a capital letter, and no other type does.
    let refers = kinds.into_iter().any(|kind| kind.starts_with(char::is_uppercase));
    let reason = if definition["multiTenancyConfig"]["enabled"] == true {
        "its objects belong to tenants of its own, and are listed for one of them at a time"
    } else if refers {
        "it refers to another collection by name, which a copy would go on to refer to"
    } else {
        return Ok(());
    };
    Err(EngineError::NotOffered {
        service: caller.endpoint.service.clone(),
        action: format!("keep {} in the snapshot `{label}`", collections::name(definition)),
        reason: reason.to_owned(),
    })
}
