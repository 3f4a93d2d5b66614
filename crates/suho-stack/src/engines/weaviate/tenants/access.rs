//! A tenant's user, and what it may do: all with its own collections, and nothing with those of others.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::super::super::EngineError;
use super::super::super::http::Caller;
use super::super::super::tenancy::TenantName;
use super::super::client;
use super::names;
use super::turns::Turn;
use crate::deployment::{Secret, Service};

/// What of the deployment's list of administrators says the same of roles.
const RENAMED: [(&str, &str); 3] = [
    ("AUTHORIZATION_ADMINLIST_ENABLED", "AUTHORIZATION_RBAC_ENABLED"),
    ("AUTHORIZATION_ADMINLIST_USERS", "AUTHORIZATION_RBAC_ROOT_USERS"),
    // The only name that it has, in spite of what it says.
    (
        "AUTHORIZATION_ADMINLIST_READONLY_USERS",
        "EXPERIMENTAL_AUTHORIZATION_RBAC_READONLY_USERS",
    ),
];
/// The switch of users that are made while the server runs.
const USERS: &str = "AUTHENTICATION_DB_USERS_ENABLED";

/// Has `service` know roles instead of a list of administrators, and users who are made while it runs.
pub(in super::super) fn know_users(service: &mut Service) {
    for (listed, role) in RENAMED {
        let (value, at) = (
            service.environment.shift_remove(listed),
            service.environment_at.shift_remove(listed),
        );
        let (Some(value), Some(at)) = (value, at) else {
            continue;
        };
        if listed == RENAMED[0].0 {
            set(service, USERS, &value, at.clone());
        }
        set(service, role, &value, at);
    }
}

fn set(service: &mut Service, name: &str, value: &Secret, at: crate::deployment::Assignment) {
    service.environment.insert(name.to_owned(), value.clone());
    service.environment_at.insert(name.to_owned(), at);
}

/// Makes the user of `tenant` and returns its key; none where the server knows no users but those of its start.
pub(super) async fn grant(caller: &Caller<'_>, tenant: &TenantName) -> Result<Option<String>, EngineError> {
    let making = format!("make the user {tenant}");
    let user = user(tenant);
    let turn = Turn::come().await;
    let (mut status, mut answer) = ask(caller, Method::POST, &user, &Value::Null, &making).await?;
    if status == StatusCode::CONFLICT {
        // One that was half made: its key was told to somebody who is gone.
        ask(caller, Method::DELETE, &user, &Value::Null, &making).await?;
        (status, answer) = ask(caller, Method::POST, &user, &Value::Null, &making).await?;
    }
    if knows_no_users(status) {
        return Ok(None);
    }
    let Some(key) = answer["apikey"].as_str() else {
        return Err(refused(caller, &making, status, &answer));
    };
    // The server has seen the key once when the tenant comes with it.
    let by_tenant = client::connect_with(caller.endpoint, key)?;
    by_tenant.send(Method::GET, "/v1/users/own-info", &making).await?;
    drop(turn);
    let steps = [
        ("/v1/authz/roles".to_owned(), role(tenant)),
        (
            format!("/v1/authz/users/{tenant}/assign"),
            json!({"roles": [tenant.as_str()], "userType": "db"}),
        ),
    ];
    for (path, body) in steps {
        let (status, answer) = ask(caller, Method::POST, &path, &body, &making).await?;
        // The role is one and the same for a tenant's name.
        if !status.is_success() && status != StatusCode::CONFLICT {
            return Err(refused(caller, &making, status, &answer));
        }
    }
    Ok(Some(key.to_owned()))
}

/// Removes the user of `tenant` and its role; what was never made is gone as well.
pub(super) async fn withdraw(caller: &Caller<'_>, tenant: &TenantName) -> Result<(), EngineError> {
    let removing = format!("remove the user {tenant}");
    for path in [user(tenant), format!("/v1/authz/roles/{tenant}")] {
        let (status, answer) = ask(caller, Method::DELETE, &path, &Value::Null, &removing).await?;
        if knows_no_users(status) {
            return Ok(());
        }
        if !status.is_success() && status != StatusCode::NOT_FOUND {
            return Err(refused(caller, &removing, status, &answer));
        }
    }
    Ok(())
}

/// All rights by which collections that begin with the prefix are made, filled, asked and deleted.
fn role(tenant: &TenantName) -> Value {
    let own = names::prefix(tenant) + "*";
    let mut permissions = vec![
        // GraphQL is refused to whoever may not read every definition.
        json!({"action": "read_collections", "collections": {"collection": "*"}}),
    ];
    for verb in ["create", "update", "delete"] {
        permissions.push(json!({"action": format!("{verb}_collections"), "collections": {"collection": own}}));
    }
    for verb in ["create", "read", "update", "delete"] {
        permissions.push(json!({"action": format!("{verb}_data"), "data": {"collection": own}}));
        permissions.push(json!({"action": format!("{verb}_tenants"), "tenants": {"collection": own}}));
        permissions.push(json!({"action": format!("{verb}_aliases"), "aliases": {"collection": own, "alias": own}}));
    }
    json!({"name": tenant.as_str(), "permissions": permissions})
}

fn user(tenant: &TenantName) -> String {
    format!("/v1/users/db/{tenant}")
}

/// The answer of a server that was not started with users of its own.
fn knows_no_users(status: StatusCode) -> bool {
    status == StatusCode::UNPROCESSABLE_ENTITY
}

async fn ask(
    caller: &Caller<'_>,
    method: Method,
    path: &str,
    body: &Value,
    action: &str,
) -> Result<(StatusCode, Value), EngineError> {
    let request = caller.request(method, path);
    let request = if body.is_null() { request } else { request.json(body) };
    caller.exchange(request, action).await
}

fn refused(caller: &Caller<'_>, action: &str, status: StatusCode, answer: &Value) -> EngineError {
    caller.endpoint.failed(action)(format!("{status}: {answer}"))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::super::super::super::endpoint::tests::described;
    use super::*;
    use crate::deployment::{Files, Variables};

    #[test]
    fn a_lent_server_knows_roles_for_the_same_users_and_makes_others() {
        let mut service = described(&Files::embedded(), "suho-weaviate", Variables::default()).unwrap();

        know_users(&mut service);

        let value = |name: &str| service.environment.get(name).map(Secret::expose);
        assert_eq!(value("AUTHENTICATION_DB_USERS_ENABLED"), Some("true"));
        assert_eq!(value("AUTHORIZATION_RBAC_ENABLED"), Some("true"));
        assert_eq!(value("AUTHORIZATION_RBAC_ROOT_USERS"), Some("suho"));
        assert_eq!(
            value("EXPERIMENTAL_AUTHORIZATION_RBAC_READONLY_USERS"),
            Some("suho_reader")
        );
        assert!(service.environment.keys().all(|name| !name.contains("ADMINLIST")));
        assert!(service.environment.keys().eq(service.environment_at.keys()));
    }
}
