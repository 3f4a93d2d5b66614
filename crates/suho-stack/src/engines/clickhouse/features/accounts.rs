//! What a reader may not, and what a quota counts.

use std::collections::BTreeSet;

use super::super::super::asking::prove_and_remove;
use super::super::super::scratch::Scratch;
use super::super::super::{Endpoint, EngineError, Evidence, Subject};
use super::super::client::{self, Exception};
use super::Database;

/// `READONLY`.
const READONLY: u32 = 164;
/// `QUOTA_EXCEEDED`.
const QUOTA_EXCEEDED: u32 = 201;
/// `MEMORY_LIMIT_EXCEEDED`.
const MEMORY_LIMIT_EXCEEDED: u32 = 241;
/// `SETTING_CONSTRAINT_VIOLATION`.
const CONSTRAINT_VIOLATION: u32 = 452;
/// `ACCESS_STORAGE_FOR_INSERTION_NOT_FOUND`: there is no place for accounts that are made by SQL.
const NO_STORAGE: u32 = 514;

/// Beyond the constraints of the reader's profile, on every side that they have.
pub const BEYOND: &[(&str, &str)] = &[
    ("max_memory_usage", "1073741825"),
    ("max_execution_time", "61"),
    ("max_execution_time", "0"),
    ("max_threads", "3"),
    ("max_concurrent_queries_for_user", "17"),
];
/// In bytes; less than the query of [`memory_limit`] needs.
pub const LITTLE_MEMORY: u64 = 16 << 20;
/// What the quota of [`quota`] allows in an hour.
pub const TWO_QUERIES: &str = "MAX queries = 2";

/// An account of the platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Account {
    /// The services.
    Service,
    /// Dashboards and people.
    Reader,
}

impl Account {
    fn user(self) -> &'static str {
        match self {
            Self::Service => client::USER,
            Self::Reader => "suho_reader",
        }
    }

    fn connect(self, endpoint: &Endpoint) -> Result<clickhouse::Client, EngineError> {
        let password = match self {
            Self::Service => client::password(endpoint)?,
            Self::Reader => endpoint.credential("SUHO_CLICKHOUSE_READER_PASSWORD")?,
        };
        client::connect_as(endpoint, self.user(), password)
    }
}

/// `account` reads a table, and neither inserts into it, nor drops it, nor makes one.
pub async fn read_only(subject: &Subject<'_>, account: Account) -> Result<Evidence, EngineError> {
    let database = Database::of(subject)?;
    prove_and_remove(subject.endpoint, read_only_in(&database, account), database.remove()).await
}

async fn read_only_in(database: &Database<'_>, account: Account) -> Result<Evidence, EngineError> {
    let Database { endpoint, name, .. } = database;
    database.create().await?;
    let table = format!("CREATE TABLE {name}.read (a UInt8) ENGINE = MergeTree ORDER BY a AS SELECT 7");
    database.run("create a table to read", &table).await?;
    let reader = account.connect(endpoint)?;
    let reading = format!("read as {}", account.user());
    let read = reader
        .query(&format!("SELECT a FROM {name}.read"))
        .fetch_all::<u8>()
        .await;
    endpoint.expect(&reading, &vec![7], &read.map_err(endpoint.failed(&reading))?)?;

    let writing = format!("keep {} from writing", account.user());
    for statement in [
        format!("INSERT INTO {name}.read SELECT 8"),
        format!("DROP TABLE {name}.read"),
        format!("CREATE TABLE {name}.written (a UInt8) ENGINE = Memory"),
    ] {
        let answer = client::exception(endpoint, &reader, &writing, &statement).await?;
        expect_code(endpoint, &writing, READONLY, answer.as_ref(), &statement)?;
    }
    Evidence::proved(format!(
        "{} read a row; INSERT, DROP and CREATE are refused with code {READONLY}",
        account.user()
    ))
}

/// A reader's query with each of `beyond` is refused.
pub async fn constraints(subject: &Subject<'_>, beyond: &[(&str, &str)]) -> Result<Evidence, EngineError> {
    let endpoint = subject.endpoint;
    let action = "hold a reader to the constraints of his profile";
    for (name, value) in beyond {
        let reader = Account::Reader.connect(endpoint)?.with_setting(*name, *value);
        let answer = client::exception(endpoint, &reader, action, "SELECT 1").await?;
        let asked = format!("{name} = {value}");
        expect_code(endpoint, action, CONSTRAINT_VIOLATION, answer.as_ref(), &asked)?;
    }
    let names: BTreeSet<_> = beyond.iter().map(|(name, _)| *name).collect();
    Evidence::proved(format!(
        "{} values of {} settings are refused with code {CONSTRAINT_VIOLATION}",
        beyond.len(),
        names.len()
    ))
}

/// A query that needs more than `limit` bytes ends with the server's own error, and the next one is answered.
pub async fn memory_limit(subject: &Subject<'_>, limit: u64) -> Result<Evidence, EngineError> {
    let endpoint = subject.endpoint;
    let action = "end a query at its memory limit";
    let reader = Account::Reader.connect(endpoint)?;
    let limited = reader.clone().with_setting("max_memory_usage", limit.to_string());
    // Eight million numbers of eight bytes.
    let query = "SELECT length(groupArray(number)) FROM numbers(8000000) FORMAT Null";
    let answer = client::exception(endpoint, &limited, action, query).await?;
    expect_code(
        endpoint,
        action,
        MEMORY_LIMIT_EXCEEDED,
        answer.as_ref(),
        "64 MB of numbers",
    )?;
    client::run(endpoint, &reader, "answer the query after it", "SELECT 1 FORMAT Null").await?;
    Evidence::proved(format!(
        "64 MB of numbers under a limit of {limit} bytes are code {MEMORY_LIMIT_EXCEEDED}"
    ))
}

/// A user under a quota with `limits` asks twice, and is refused the third time.
pub async fn quota(subject: &Subject<'_>, limits: &str) -> Result<Evidence, EngineError> {
    let endpoint = subject.endpoint;
    let service = client::connect(endpoint)?;
    let scratch = Scratch::new();
    let name = &scratch.name;
    let removal = async {
        for kind in ["QUOTA", "USER"] {
            let drop = format!("DROP {kind} IF EXISTS {name}");
            client::run(endpoint, &service, "drop the user and his quota", &drop).await?;
        }
        Ok(())
    };
    prove_and_remove(endpoint, exhaust(endpoint, &service, &scratch, limits), removal).await
}

async fn exhaust(
    endpoint: &Endpoint,
    service: &clickhouse::Client,
    scratch: &Scratch,
    limits: &str,
) -> Result<Evidence, EngineError> {
    let Scratch { name, value } = scratch;
    let action = "make a user under a quota";
    let user = format!("CREATE USER {name} IDENTIFIED BY '{value}'");
    match client::exception(endpoint, service, action, &user).await? {
        Some(exception) if exception.code == NO_STORAGE && client::is_stand_in(endpoint, service).await? => {
            return Evidence::not_offered(format!(
                "stand-in: it makes neither users nor quotas: code {NO_STORAGE}"
            ));
        }
        Some(exception) => return Err(endpoint.unexpected(action, "a user", exception.words)),
        None => {}
    }
    let quota = format!("CREATE QUOTA {name} FOR INTERVAL 1 hour {limits} TO {name}");
    client::run(endpoint, service, action, &quota).await?;
    let asking = "refuse a user who has used up his quota";
    let asker = client::connect_as(endpoint, name, value)?;
    for _ in 0..2 {
        client::run(
            endpoint,
            &asker,
            "answer a user within his quota",
            "SELECT 1 FORMAT Null",
        )
        .await?;
    }
    let answer = client::exception(endpoint, &asker, asking, "SELECT 1 FORMAT Null").await?;
    expect_code(endpoint, asking, QUOTA_EXCEEDED, answer.as_ref(), "the third query")?;
    Evidence::proved(format!("two queries are answered, the third is code {QUOTA_EXCEEDED}"))
}

/// The server's own code for what was `asked`.
fn expect_code(
    endpoint: &Endpoint,
    action: &str,
    code: u32,
    answer: Option<&Exception>,
    asked: &str,
) -> Result<(), EngineError> {
    match answer {
        Some(exception) if exception.code == code => Ok(()),
        Some(exception) => Err(endpoint.unexpected(action, format!("code {code} for {asked}"), &exception.words)),
        None => Err(endpoint.unexpected(action, format!("code {code} for {asked}"), "it was let")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::super::endpoint::tests::local;
    use super::*;

    #[test]
    fn a_refusal_counts_by_its_code() {
        let endpoint = local("suho-clickhouse", &[], &[]);
        let exceeded = Exception {
            code: 201,
            words: "Code: 201. DB::Exception: Quota for user `probe` for 3600s has been exceeded: queries = 3/2. \
                Interval will end at 2026-11-25 05:00:00. (QUOTA_EXCEEDED)"
                .to_owned(),
        };
        let found = |answer| expect_code(&endpoint, "refuse", QUOTA_EXCEEDED, answer, "the third query");

        assert!(found(Some(&exceeded)).is_ok());
        assert!(found(None).is_err_and(|error| error.to_string().contains("it was let")));
        let other = Exception {
            code: 516,
            words: exceeded.words.clone(),
        };
        assert!(found(Some(&other)).is_err());
    }
}
