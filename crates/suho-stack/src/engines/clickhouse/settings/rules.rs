//! The server's rules for accounts, tried on accounts that are made for it and dropped.

use std::collections::BTreeMap;

use clickhouse::Client;
use serde_json::Value;

use super::super::super::EngineError;
use super::super::super::asking::prove_and_remove;
use super::super::super::proving::Finding;
use super::super::super::scratch::Scratch;
use super::client::{self, Exception};
use super::values::{is_on, text};
use super::{Inquiry, not_offered};

/// `ACCESS_STORAGE_FOR_INSERTION_NOT_FOUND`: there is no place for accounts that are made by SQL.
const NO_STORAGE: u32 = 514;

/// What came of each rule, by its key.
pub(super) async fn ask(inquiry: Inquiry<'_>) -> Result<BTreeMap<&'static str, Finding>, EngineError> {
    let scratch = Scratch::new();
    let removal = remove(inquiry, &scratch);
    prove_and_remove(inquiry.endpoint, try_all(inquiry, &scratch), removal).await
}

async fn try_all(inquiry: Inquiry<'_>, scratch: &Scratch) -> Result<BTreeMap<&'static str, Finding>, EngineError> {
    let name = &scratch.name;
    let explicit = refusal(inquiry, &format!("CREATE USER {name} IDENTIFIED WITH no_password")).await?;
    let implicit = refusal(inquiry, &format!("CREATE USER {name}_implicit")).await?;
    let keys = [
        "default_profile",
        "allow_no_password",
        "allow_implicit_no_password",
        "access_control_improvements.users_without_row_policies_can_read_rows",
        "access_control_improvements.settings_constraints_replace_previous",
    ];
    let mut findings = BTreeMap::from([(
        "access_control_improvements.on_cluster_queries_require_cluster_grant",
        Finding::not_askable("there is no cluster that a query could be for"),
    )]);
    if let Some(exception) = explicit.iter().find(|exception| exception.code == NO_STORAGE) {
        let reason = format!("it makes no accounts by SQL: code {}", exception.code);
        let finding = if inquiry.stand_in.0 {
            not_offered(&reason)
        } else {
            Finding::differs("no account can be made", reason)
        };
        findings.extend(keys.map(|key| (key, finding.clone())));
        return Ok(findings);
    }
    make_account(inquiry, scratch).await?;
    let account = client::connect_as(inquiry.endpoint, &format!("{name}_user"), &scratch.value)?;
    let session = ask_account(inquiry, &account, name).await?;
    let rows = readable_rows(inquiry, name).await?;
    let shown = [
        text(&session["default_profile"]).unwrap_or_default(),
        permits(explicit.as_ref(), "allow_no_password"),
        permits(implicit.as_ref(), "allow_implicit_no_password"),
        u8::from(rows > 0).to_string(),
        u8::from(session["least"].is_null()).to_string(),
    ];
    findings.extend(
        keys.into_iter()
            .zip(shown)
            .map(|(key, shown)| (key, compared(inquiry, key, shown))),
    );
    Ok(findings)
}

fn compared(inquiry: Inquiry<'_>, key: &str, shown: String) -> Finding {
    let configured = inquiry.value_of(key).unwrap_or_default();
    let is_equal = match is_on(configured) {
        Some(is_on) => shown == u8::from(is_on).to_string(),
        None => shown == configured,
    };
    Finding::compared(is_equal, shown, "tried on an account made for it")
}

async fn refusal(inquiry: Inquiry<'_>, statement: &str) -> Result<Option<Exception>, EngineError> {
    client::exception(
        inquiry.endpoint,
        inquiry.service,
        "make an account without a password",
        statement,
    )
    .await
}

/// `0` where the refusal names the rule: another one may stand behind it.
fn permits(refusal: Option<&Exception>, rule: &str) -> String {
    let is_refused = refusal.is_some_and(|exception| exception.words.contains(&format!("setting {rule} ")));
    u8::from(!is_refused).to_string()
}

/// An account under a profile that sets one end of a constraint, upon one that sets the other.
async fn make_account(inquiry: Inquiry<'_>, scratch: &Scratch) -> Result<(), EngineError> {
    let Scratch { name, value } = scratch;
    for statement in [
        format!("CREATE SETTINGS PROFILE {name}_below SETTINGS max_threads MIN 1"),
        format!("CREATE SETTINGS PROFILE {name}_above SETTINGS INHERIT {name}_below, max_threads MAX 2"),
        format!("CREATE USER {name}_user IDENTIFIED BY '{value}' SETTINGS PROFILE {name}_above"),
        format!("CREATE TABLE scratch.{name} (a UInt8) ENGINE = Memory AS SELECT 1"),
        format!("CREATE ROW POLICY {name} ON scratch.{name} USING 1 TO {name}_user"),
    ] {
        client::run(inquiry.endpoint, inquiry.service, "make an account", &statement).await?;
    }
    Ok(())
}

/// The profile that is not the account's own is the server's; the constraint is what is left of both.
async fn ask_account(inquiry: Inquiry<'_>, account: &Client, name: &str) -> Result<Value, EngineError> {
    let query = format!(
        "SELECT arrayFilter(profile -> NOT startsWith(profile, '{name}'), enabledProfiles())[1] AS default_profile, min AS least
        FROM system.settings WHERE name = 'max_threads'"
    );
    let rows = client::documents(inquiry.endpoint, account, "ask as a new account", &query).await?;
    Ok(rows.into_iter().next().unwrap_or_default())
}

/// What the service user, whom the policy does not name, sees of a table with one row.
async fn readable_rows(inquiry: Inquiry<'_>, name: &str) -> Result<u64, EngineError> {
    let query = format!("SELECT count() FROM scratch.{name}");
    let rows = inquiry.service.query(&query).fetch_one().await;
    rows.map_err(
        inquiry
            .endpoint
            .failed("read a table with a row policy for somebody else"),
    )
}

async fn remove(inquiry: Inquiry<'_>, scratch: &Scratch) -> Result<(), EngineError> {
    let name = &scratch.name;
    for statement in [
        format!("DROP ROW POLICY IF EXISTS {name} ON scratch.{name}"),
        format!("DROP TABLE IF EXISTS scratch.{name} SYNC"),
        format!("DROP USER IF EXISTS {name}, {name}_implicit, {name}_user"),
        format!("DROP SETTINGS PROFILE IF EXISTS {name}_above, {name}_below"),
    ] {
        client::run(
            inquiry.endpoint,
            inquiry.service,
            "drop the accounts that were made",
            &statement,
        )
        .await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_the_rule_that_stands_behind_it() {
        let explicit = Exception {
            code: 36,
            words: "Code: 36. DB::Exception: Authentication type no_password is not allowed, check the setting \
                allow_no_password in the server configuration. (BAD_ARGUMENTS)"
                .to_owned(),
        };
        let implicit = Exception {
            code: 36,
            words: "Code: 36. DB::Exception: Authentication type NO_PASSWORD must be explicitly specified, check the \
                setting allow_implicit_no_password in the server configuration. (BAD_ARGUMENTS)"
                .to_owned(),
        };
        assert_eq!(permits(Some(&explicit), "allow_no_password"), "0");
        assert_eq!(permits(Some(&explicit), "allow_implicit_no_password"), "1");
        assert_eq!(permits(Some(&implicit), "allow_implicit_no_password"), "0");
        assert_eq!(permits(None, "allow_no_password"), "1");
    }
}
