//! Policies, and the scheduler in the background that carries them out.

use std::time::Duration;

use tokio::time::sleep;

use super::super::super::{EngineError, Evidence, Subject};
use super::super::client::Account;
use super::aggregates::{MATERIALIZED_ONLY, aggregate, shows};
use super::columnstore::BY_INSTRUMENT;
use super::hypertables::BY_DAY;
use super::session::{Ground, Rows, Session};
use super::ticks::{DAY, HOUR, MINUTE, candles, series};

/// Between two looks at a job.
const PAUSE: Duration = Duration::from_millis(50);
/// Days that the scratch table reaches back, today's included.
const DAYS: i64 = 9;
/// Days before today of which a chunk is younger than five days, at every hour.
const YOUNG: i64 = 5;

/// The hours that are over are computed.
pub const PAST_HOURS: &str = "start_offset => INTERVAL '1 day', end_offset => INTERVAL '1 hour'";
/// What is older than five days becomes columnar.
pub const COLUMNAR_AFTER_FIVE_DAYS: &str = "after => INTERVAL '5 days'";
/// What is older than five days is dropped.
pub const DROPPED_AFTER_FIVE_DAYS: &str = "drop_after => INTERVAL '5 days'";

/// No policy runs before it is told to: whoever runs it then is the one who is proved.
const NOT_YET: &str = "initial_start => now() + INTERVAL '1 day'";

/// Who carries a policy out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Runner {
    /// The server's own scheduler, told that the job is due.
    Scheduler,
    /// The session that asks, where a server has no scheduler: this proves the policy and not that it runs by itself.
    Session,
}

/// The scheduler refreshes the hours that are over, and leaves out the one that is not.
pub async fn refresh(subject: &Subject<'_>, policy: &str, runner: Runner) -> Result<Evidence, EngineError> {
    let ground = Ground::new(subject.endpoint);
    ground
        .prove(async {
            let session = ground.hypertable(BY_DAY).await?;
            aggregate(&session, &ground, MATERIALIZED_ONLY).await?;
            let hour = now(subject, &session).await? / HOUR * HOUR;
            let past = series(hour - 8 * HOUR, MINUTE, 6 * 60);
            let current = series(hour, 0, 1);
            ground.insert(&session, &[past.clone(), current].concat()).await?;

            let adding = format!(
                "SELECT add_continuous_aggregate_policy('{}', {policy}, {NOT_YET}, schedule_interval => INTERVAL '1 hour')",
                ground.view()
            );
            session.run("add a refresh policy", &adding).await?;
            if let Some(reason) = carry_out(subject, &session, &ground.is_view(), runner).await? {
                return Evidence::not_offered(reason);
            }
            let expected = candles(&past, HOUR);
            shows(&session, &ground, "read the candles that the policy refreshed", &expected).await?;
            Evidence::proved(format!("{} candles of past hours made, none of the current one", expected.len()))
        })
        .await
}

/// The scheduler turns the chunks older than five days into columns, and no other.
pub async fn columnstore(subject: &Subject<'_>, policy: &str, runner: Runner) -> Result<Evidence, EngineError> {
    let ground = Ground::new(subject.endpoint);
    ground
        .prove(async {
            let (session, today) = days_until_today(subject, &ground).await?;
            let table = ground.table();
            session
                .run(
                    "set up the columnstore",
                    &format!("ALTER TABLE {table} SET ({BY_INSTRUMENT})"),
                )
                .await?;
            let adding = format!("CALL add_columnstore_policy('{table}', {policy}, {NOT_YET})");
            session.run("add a columnstore policy", &adding).await?;
            if let Some(reason) = carry_out(subject, &session, &ground.is_table(), runner).await? {
                return Evidence::not_offered(reason);
            }
            let reading = "read which chunks the policy made columnar";
            let found = chunks(&session, &ground, "is_compressed", reading).await?;
            let expected = days(0..DAYS, today, |age| if age > YOUNG { "t" } else { "f" });
            session.expect(reading, &expected, &found)?;
            Evidence::proved(format!(
                "of {DAYS} chunks the {} older than 5 days are columnar",
                DAYS - YOUNG - 1
            ))
        })
        .await
}

/// The scheduler drops the chunks older than five days, and no other.
pub async fn retention(subject: &Subject<'_>, policy: &str, runner: Runner) -> Result<Evidence, EngineError> {
    let ground = Ground::new(subject.endpoint);
    ground
        .prove(async {
            let (session, today) = days_until_today(subject, &ground).await?;
            let adding = format!("SELECT add_retention_policy('{}', {policy}, {NOT_YET})", ground.table());
            session.run("add a retention policy", &adding).await?;
            if let Some(reason) = carry_out(subject, &session, &ground.is_table(), runner).await? {
                return Evidence::not_offered(reason);
            }
            let reading = "read which chunks the policy left";
            let found = chunks(&session, &ground, "'kept'", reading).await?;
            session.expect(reading, &days(0..YOUNG + 1, today, |_| "kept"), &found)?;
            Evidence::proved(format!(
                "of {DAYS} chunks the {} older than 5 days are gone",
                DAYS - YOUNG - 1
            ))
        })
        .await
}

/// A trade an hour, from eight days ago until today; the second value is when today began.
async fn days_until_today<'a>(subject: &Subject<'_>, ground: &Ground<'a>) -> Result<(Session<'a>, i64), EngineError> {
    let session = ground.hypertable(BY_DAY).await?;
    let today = now(subject, &session).await? / DAY * DAY;
    let ticks = series(today - (DAYS - 1) * DAY, HOUR, DAYS * 24);
    ground.insert(&session, &ticks).await?;
    Ok((session, today))
}

/// When each chunk begins, and `what` of it.
async fn chunks(session: &Session<'_>, ground: &Ground<'_>, what: &str, action: &str) -> Result<Rows, EngineError> {
    let query = format!(
        "SELECT extract(epoch FROM range_start)::bigint, {what} FROM timescaledb_information.chunks WHERE {} ORDER BY 1",
        ground.is_table()
    );
    session.rows(action, &query).await
}

/// The chunks of `ages` in days, the oldest first, and what each of them is.
fn days(ages: std::ops::Range<i64>, today: i64, is: impl Fn(i64) -> &'static str) -> Rows {
    ages.rev()
        .map(|age| vec![(today - age * DAY).to_string(), is(age).to_owned()])
        .collect()
}

/// The server's own clock decides what is old.
async fn now(subject: &Subject<'_>, session: &Session<'_>) -> Result<i64, EngineError> {
    let asking = "ask the server for the time";
    let now = session
        .value(asking, "SELECT extract(epoch FROM now())::bigint")
        .await?;
    now.parse().map_err(subject.endpoint.failed(asking))
}

/// Has the only job of `hypertable` run once; the reason where this server has nobody to run it.
async fn carry_out(
    subject: &Subject<'_>,
    session: &Session<'_>,
    hypertable: &str,
    runner: Runner,
) -> Result<Option<String>, EngineError> {
    let looking = "find the job of the policy";
    let query = format!("SELECT job_id FROM timescaledb_information.jobs WHERE {hypertable}");
    let jobs = session.rows(looking, &query).await?;
    let [job] = &jobs.concat()[..] else {
        return Err(subject.endpoint.unexpected(looking, "one", format!("{}", jobs.len())));
    };
    if runner == Runner::Session {
        session.run("run the job", &format!("CALL run_job({job})")).await?;
        return Ok(None);
    }
    if let Some(reason) = session.single_process().await? {
        return Ok(Some(reason));
    }
    has_scheduler(subject).await?;
    let telling = "tell the scheduler that the job is due";
    session
        .run(telling, &format!("SELECT alter_job({job}, next_start => now())"))
        .await?;
    until_run(subject, session, job).await?;
    Ok(None)
}

/// Only a role that monitors the server sees what other processes are.
async fn has_scheduler(subject: &Subject<'_>) -> Result<(), EngineError> {
    let looking = "find the scheduler of background jobs";
    let reader = Session::open_as(subject.endpoint, Account::Reader).await?;
    let query = "SELECT count(*) FROM pg_stat_activity
                 WHERE datname = current_database() AND backend_type = 'TimescaleDB Background Worker Scheduler'";
    let found = reader.value(looking, query).await?;
    subject.endpoint.expect(looking, "1", found.as_str())
}

/// Waits for the first run of `job`, which wakes the scheduler within seconds, and tells why it failed.
async fn until_run(subject: &Subject<'_>, session: &Session<'_>, job: &str) -> Result<(), EngineError> {
    let waiting = "wait for the scheduler to run the job";
    let query = format!(
        "SELECT coalesce(total_successes, 0), coalesce(total_failures, 0)
         FROM timescaledb_information.job_stats WHERE job_id = {job}"
    );
    loop {
        match outcome(&session.rows(waiting, &query).await?) {
            Outcome::Pending => sleep(PAUSE).await,
            Outcome::Succeeded => return Ok(()),
            Outcome::Failed => {
                let query = format!("SELECT err_message FROM timescaledb_information.job_errors WHERE job_id = {job}");
                let words = session.rows(waiting, &query).await?.concat().join("; ");
                return Err(subject
                    .endpoint
                    .unexpected(waiting, "a success", format!("a failure: {words}")));
            }
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Pending,
    Succeeded,
    Failed,
}

/// What the counts of successes and failures say; a job that has never run may have no row.
fn outcome(stats: &Rows) -> Outcome {
    let counts: Vec<&str> = stats.iter().flatten().map(String::as_str).collect();
    match counts[..] {
        [] | ["0", "0"] => Outcome::Pending,
        ["0", _] => Outcome::Failed,
        _ => Outcome::Succeeded,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::never_run(vec![], Outcome::Pending)]
    #[case::told_to_run(vec!["0", "0"], Outcome::Pending)]
    #[case::run(vec!["1", "0"], Outcome::Succeeded)]
    #[case::failed(vec!["0", "1"], Outcome::Failed)]
    #[case::succeeded_after_a_failure(vec!["1", "1"], Outcome::Succeeded)]
    fn a_job_is_waited_for_until_it_has_succeeded_or_failed(#[case] counts: Vec<&str>, #[case] expected: Outcome) {
        let row: Vec<String> = counts.into_iter().map(str::to_owned).collect();
        let stats = if row.is_empty() { vec![] } else { vec![row] };

        assert_eq!(outcome(&stats), expected);
    }
}
