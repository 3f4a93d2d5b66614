//! Who is let in, under which name, and who may write.

use reqwest::{Method, StatusCode};
use serde_json::json;

use super::super::super::asking::Stranger;
use super::super::super::http::Caller;
use super::super::super::proving::Finding;
use super::super::super::{Endpoint, EngineError};
use super::super::client;
use super::{switched, value_of};
use crate::deployment::Setting;

const OWN_NAME: &str = "/v1/users/own-info";
/// Those that nobody has to be started with.
const MADE_USERS: &str = "/v1/users/db";
/// An object that is not there.
const NOBODY: &str = "00000000-0000-4000-8000-000000000000";

/// One of the keys that the service was given, and what it is good for.
struct Holder {
    /// Under which name the server knows whoever has it; none where it refuses the key.
    name: Option<String>,
    reads: bool,
    writes: bool,
}

/// What the server grants to whom.
pub(super) struct Access {
    holders: Vec<Holder>,
    /// What somebody without a key hears who asks for the schema.
    anonymous: StatusCode,
    /// Whether every key that the setting names is let in.
    lets_in_all: bool,
    /// Whether the server has users that are made while it runs.
    makes_users: bool,
}

impl Access {
    pub(super) async fn ask(endpoint: &Endpoint, settings: &[Setting]) -> Result<Self, EngineError> {
        let mut holders = Vec::new();
        for key in client::keys(endpoint)? {
            holders.push(Holder::of(&client::connect_with(endpoint, key)?).await?);
        }
        let (anonymous, _) = client::knock(endpoint, Stranger::NoPassword).await?;
        let mut lets_in_all = true;
        for key in value_of(settings, client::KEYS).unwrap_or_default().split(',') {
            lets_in_all &= name(&client::connect_with(endpoint, key)?).await?.is_some();
        }
        let caller = client::connect(endpoint)?;
        let (listing, _) = caller
            .status(Method::GET, MADE_USERS, None, "list the users that were made")
            .await?;
        Ok(Self {
            holders,
            anonymous,
            lets_in_all,
            makes_users: listing.is_success(),
        })
    }

    /// What was seen of `setting`; none where it has no part in this.
    pub(super) fn find(&self, setting: &Setting) -> Option<Finding> {
        let configured = setting.value.expose();
        Some(match setting.key.as_str() {
            "AUTHENTICATION_ANONYMOUS_ACCESS_ENABLED" => switched(
                configured,
                self.anonymous != StatusCode::UNAUTHORIZED,
                &format!("a client without a key hears {}", self.anonymous),
            ),
            "AUTHENTICATION_APIKEY_ENABLED" => switched(
                configured,
                self.holders.iter().all(|holder| holder.name.is_some()),
                "the server tells the holders of its keys their names",
            ),
            client::KEYS if self.lets_in_all => {
                Finding::in_effect(setting.value.to_string(), "each of these keys was let in")
            }
            client::KEYS => Finding::differs("other keys", "one of these was refused: 401"),
            "AUTHENTICATION_APIKEY_USERS" => self.names(configured),
            "AUTHENTICATION_DB_USERS_ENABLED" => switched(
                configured,
                self.makes_users,
                "whether the server lists the users that were made while it runs",
            ),
            "AUTHORIZATION_ADMINLIST_ENABLED" | "AUTHORIZATION_RBAC_ENABLED" => switched(
                configured,
                !self.holders.iter().all(|holder| holder.writes),
                "not everybody with a key may change an object",
            ),
            "AUTHORIZATION_ADMINLIST_USERS" | "AUTHORIZATION_RBAC_ROOT_USERS" => {
                self.rights(configured, |holder| holder.writes, "may write")
            }
            "AUTHORIZATION_ADMINLIST_READONLY_USERS" | "EXPERIMENTAL_AUTHORIZATION_RBAC_READONLY_USERS" => self.rights(
                configured,
                |holder| holder.reads && !holder.writes,
                "may read and not write",
            ),
            _ => return None,
        })
    }

    /// The first key is that of the first user; one user may have all of them.
    fn names(&self, configured: &str) -> Finding {
        let effective = self.names_of(|_| true);
        let is_one_for_all = self
            .holders
            .iter()
            .all(|holder| holder.name.as_deref() == Some(configured));
        Finding::compared(
            is_one_for_all || configured == effective,
            effective,
            "the names that the server tells the holders of its keys",
        )
    }

    fn rights(&self, configured: &str, has: impl Fn(&Holder) -> bool, right: &str) -> Finding {
        let effective = self.names_of(has);
        Finding::compared(
            configured == effective,
            effective,
            format!("of those with a key, who {right}"),
        )
    }

    fn names_of(&self, has: impl Fn(&Holder) -> bool) -> String {
        let names: Vec<&str> = self
            .holders
            .iter()
            .filter(|holder| has(holder))
            .filter_map(|holder| holder.name.as_deref())
            .collect();
        names.join(",")
    }
}

impl Holder {
    async fn of(caller: &Caller<'_>) -> Result<Self, EngineError> {
        // Changing an object into nothing is refused, or never comes so far.
        let nothing = format!("/v1/objects/{}/{NOBODY}", client::scratch_class());
        let reading = caller
            .status(Method::GET, "/v1/schema", None, "read the schema")
            .await?;
        let writing = caller
            .status(Method::PUT, &nothing, Some(&json!({})), "change nothing")
            .await?;
        Ok(Self {
            name: name(caller).await?,
            reads: is_granted(reading.0),
            writes: is_granted(writing.0),
        })
    }
}

/// Any other answer is one to somebody who may ask.
fn is_granted(status: StatusCode) -> bool {
    !matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
}

/// Under which name the server knows the caller; none where it refuses the key.
async fn name(caller: &Caller<'_>) -> Result<Option<String>, EngineError> {
    let asking = "ask for the caller's own name";
    let (status, _) = caller.status(Method::GET, OWN_NAME, None, asking).await?;
    if status == StatusCode::UNAUTHORIZED {
        return Ok(None);
    }
    let answer = caller.send(Method::GET, OWN_NAME, asking).await?;
    Ok(answer["username"].as_str().map(str::to_owned))
}
