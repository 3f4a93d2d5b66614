//! The accounts for tenants. They stand in the server's file, so they are there from its start, with a user each.

use std::fmt::Write as _;

use serde_json::json;

use super::super::super::tenancy::places::{self, PLACES, user};
use super::super::super::tenancy::{Room, TenantName};
use super::super::super::{Endpoint, EngineError};
use super::super::client::{self, SYSTEM};
use super::super::settings::number;
use super::ACCOUNT;
use crate::deployment::{Files, Service, Setting};

/// Enough for the streams that a test fills; all of them together are added to what the server may store.
const MEMORY: i64 = 32 << 20;
const FILE: i64 = 128 << 20;
const STREAMS: u32 = 100;
const CONSUMERS: u32 = 1000;

/// The variable that carries the password of a place.
pub(in super::super) fn variable(place: usize) -> String {
    format!("SUHO_NATS_TENANT_{place:02}_PASSWORD")
}

fn account(place: usize) -> String {
    format!("TENANT_{place:02}")
}

/// The room of `tenant` in a place that it has taken.
pub(super) fn room(endpoint: &Endpoint, tenant: &TenantName, place: usize) -> Result<Room, EngineError> {
    let room = Room::new(tenant.clone()).with(ACCOUNT, account(place));
    Ok(places::login(endpoint, place, variable)?.enters(room))
}

/// Ends every connection of the place, so that no program of the tenant that leaves is heard by the next one.
pub(super) async fn hang_up(endpoint: &Endpoint, place: usize) -> Result<(), EngineError> {
    let system = client::connect_as(endpoint, SYSTEM).await?;
    let question = format!("$SYS.REQ.ACCOUNT.{}.CONNZ", account(place));
    let answer = client::ask(endpoint, &system, question, json!({})).await?;
    let server = answer["server"]["id"].as_str().unwrap_or_default();
    for connection in answer["data"]["connections"].as_array().into_iter().flatten() {
        let kick = json!({"cid": connection["cid"]});
        // One that has ended by itself meanwhile is told as an error, and is gone as well.
        client::ask(endpoint, &system, format!("$SYS.REQ.SERVER.{server}.KICK"), kick).await?;
    }
    Ok(())
}

/// Adds the accounts to the server's file, and their passwords to the service.
pub(in super::super) fn lend(service: &mut Service, files: Files) -> Result<Files, EngineError> {
    let lending = |reason: String| EngineError::Failed {
        service: service.name.clone(),
        action: "add accounts for tenants to its configuration".to_owned(),
        source: reason.into(),
    };
    let is_the_servers = |file: &&str| file.ends_with("nats-server.conf");
    let Some(file) = Setting::files_of(service).find(is_the_servers).map(str::to_owned) else {
        return Err(lending("the service mounts no file named nats-server.conf".to_owned()));
    };
    let lent = with_accounts(files, &file).map_err(lending)?;
    places::set_passwords(service, variable);
    Ok(lent)
}

fn with_accounts(files: Files, file: &str) -> Result<Files, String> {
    let text = files.text(file).map_err(|error| error.to_string())?;
    let at = beginning_of_accounts(text).ok_or_else(|| format!("{file} has no line `accounts {{`"))?;
    let lent = [&text[..at], &blocks(), &text[at..]].concat();
    let mut files = files.with(file, lent);
    let places = i64::try_from(PLACES).map_err(|error| error.to_string())?;
    for (key, added) in [
        ("jetstream.max_memory_store", MEMORY * places),
        ("jetstream.max_file_store", FILE * places),
    ] {
        if let Some(limit) = limit(&files, file, key)? {
            // The sum over the accounts must not exceed it.
            let raised = limit.saturating_add(added).to_string();
            let text = Setting::edit(&files, file, key, Some(&raised))?;
            files = files.with(file, text);
        }
    }
    Ok(files)
}

/// A limit of the server; none where it has the default, which is what the machine has.
fn limit(files: &Files, file: &str, key: &str) -> Result<Option<i64>, String> {
    let settings = Setting::in_file(files, file).map_err(|error| error.to_string())?;
    if !settings
        .iter()
        .any(|setting| setting.key == format!("accounts.{}.users.0.user", account(1)))
    {
        return Err(format!("the accounts of {file} are not at its top"));
    }
    let Some(setting) = settings.into_iter().rfind(|setting| setting.key == key) else {
        return Ok(None);
    };
    let value = setting.value.expose();
    let limit = number(value).ok_or_else(|| format!("`{key}` of {file} is `{value}`, which is no size"))?;
    Ok(Some(limit))
}

/// Behind the brace of `accounts {`.
fn beginning_of_accounts(text: &str) -> Option<usize> {
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let rest = line.trim_start().strip_prefix("accounts").map(str::trim_start);
        let rest = rest.map(|rest| rest.trim_start_matches([':', '=']).trim_start());
        if rest.is_some_and(|rest| rest.starts_with('{')) {
            return line.find('{').map(|brace| start + brace + 1);
        }
        start += line.len();
    }
    None
}

fn blocks() -> String {
    let mut blocks = "\n    # One for each tenant of a stack that is lent.".to_owned();
    for place in 1..=PLACES {
        let (account, user, variable) = (account(place), user(place), variable(place));
        // Writing to a string cannot fail.
        let _ = write!(
            blocks,
            "\n    {account} {{\n        users: [{{user: {user}, password: ${variable}}}]\n        jetstream {{ max_memory: {MEMORY}, max_file: {FILE}, max_streams: {STREAMS}, max_consumers: {CONSUMERS} }}\n    }}"
        );
    }
    blocks
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use rstest::rstest;

    use super::super::super::super::endpoint::tests::described;
    use super::*;
    use crate::deployment::Variables;

    #[test]
    fn every_place_has_an_account_and_a_password_and_the_server_has_room_for_all() {
        let files = Files::embedded();
        let mut service = described(&files, "suho-nats-server", Variables::default()).unwrap();
        let before = Setting::of(&service, &files).unwrap();

        let lent = lend(&mut service, files).unwrap();

        let after = Setting::of(&service, &lent).unwrap();
        let value = |key: &str| {
            after
                .iter()
                .find(|setting| setting.key == key)
                .map(|setting| setting.value.clone())
        };
        for place in 1..=PLACES {
            let password = value(&variable(place)).unwrap();
            assert!(password.is_secret() && password.expose().len() >= 20);
            let named = value(&format!("accounts.{}.users.0.password", account(place))).unwrap();
            assert_eq!(named.expose(), format!("${}", variable(place)));
        }
        let sum = |limit: &str| -> i64 {
            let limits = after
                .iter()
                .filter(|setting| setting.key.ends_with(&format!(".jetstream.{limit}")));
            limits.map(|setting| number(setting.value.expose()).unwrap()).sum()
        };
        assert_eq!(
            number(value("jetstream.max_file_store").unwrap().expose()),
            Some(sum("max_file"))
        );
        assert_eq!(
            number(value("jetstream.max_memory_store").unwrap().expose()),
            Some(sum("max_memory"))
        );
        for setting in before.iter().filter(|setting| !setting.key.ends_with("_store")) {
            assert_eq!(value(&setting.key).as_ref(), Some(&setting.value), "{}", setting.key);
        }
    }

    #[rstest]
    #[case("a: 1\naccounts {\n", Some(15))]
    #[case("accounts: {A {}}", Some(11))]
    #[case("accounts = {", Some(12))]
    #[case("# accounts {\n", None)]
    #[case("accounts_of {", None)]
    fn the_accounts_are_found(#[case] text: &str, #[case] at: Option<usize>) {
        assert_eq!(beginning_of_accounts(text), at);
    }

    #[test]
    fn a_file_without_accounts_is_told() {
        let files = Files::embedded().with("nats-server.conf", "port: 4222\n");

        let error = lend(
            &mut described(&Files::embedded(), "suho-nats-server", Variables::default()).unwrap(),
            files,
        )
        .unwrap_err()
        .in_full();

        assert!(error.contains("has no line `accounts {`"), "{error}");
    }
}
