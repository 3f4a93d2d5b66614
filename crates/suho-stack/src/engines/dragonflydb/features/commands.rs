//! Pipelines, transactions and scripts.

use futures::future::try_join_all;
use redis::aio::MultiplexedConnection;
use redis::{AsyncTypedCommands, Pipeline, RedisError, Value};

use super::super::super::asking::prove_and_remove;
use super::super::super::proving::{Evidence, Subject};
use super::super::super::scratch::Scratch;
use super::super::super::{Endpoint, EngineError};
use super::super::client;
use super::delete;

/// How commands go to the server.
#[derive(Debug, Clone, Copy)]
pub struct Sending {
    /// All of them together.
    pub commands: usize,
    /// Over as many connections, each with a pipeline of its own.
    pub connections: usize,
}

impl Sending {
    /// A thousand commands over one connection.
    pub const ONE_PIPELINE: Self = Self {
        commands: 1_000,
        connections: 1,
    };
}

/// Appends numbers to a list, all at once: each answer has to be that of its command, and the list in their order.
pub async fn pipelines(subject: &Subject<'_>, sending: &Sending) -> Result<Evidence, EngineError> {
    let endpoint = subject.endpoint;
    let list = Scratch::new().name;
    prove_and_remove(endpoint, append(endpoint, &list, sending), delete(endpoint, &[&list])).await?;
    let Sending { commands, connections } = sending;
    Evidence::proved(format!(
        "{commands} commands over {connections} connection, answered in order"
    ))
}

async fn append(endpoint: &Endpoint, list: &str, sending: &Sending) -> Result<(), EngineError> {
    let action = "append to a list in a pipeline";
    let numbers: Vec<usize> = (1..=sending.commands).collect();
    let pipelines = (0..sending.connections).map(|connection| {
        let numbers: Vec<usize> = numbers
            .iter()
            .copied()
            .skip(connection)
            .step_by(sending.connections)
            .collect();
        async move {
            lengths(endpoint, list, &numbers)
                .await
                .map(|lengths| (numbers, lengths))
        }
    });
    for (numbers, lengths) in try_join_all(pipelines).await? {
        // The length after the n-th number is n, if nothing came between.
        if let Some((number, length)) = numbers.iter().zip(&lengths).find(|(number, length)| number != length) {
            return Err(endpoint.unexpected(
                action,
                format!("the list to be {number} long after {number}"),
                format!("{length}"),
            ));
        }
    }
    let mut connection = client::connect(endpoint).await?;
    let found: Result<Vec<usize>, _> = redis::cmd("LRANGE")
        .arg(list)
        .arg(0)
        .arg(-1)
        .query_async(&mut connection)
        .await;
    endpoint.expect(
        "read the list",
        &numbers,
        &found.map_err(endpoint.failed("read the list"))?,
    )
}

/// The answers to a pipeline that appends each of `numbers`: the list's length after each.
async fn lengths(endpoint: &Endpoint, list: &str, numbers: &[usize]) -> Result<Vec<usize>, EngineError> {
    let mut connection = client::connect(endpoint).await?;
    let mut pipeline = Pipeline::with_capacity(numbers.len());
    for number in numbers {
        pipeline.rpush(list, number);
    }
    let answers = pipeline.query_async(&mut connection).await;
    answers.map_err(endpoint.failed("append to a list in a pipeline"))
}

/// What a transaction watches while it is put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Watched {
    /// The key that it writes.
    TheKeyItWrites,
    /// A key that nobody touches.
    AnotherKey,
}

/// Takes 30 of a balance of 100, which another client sets to 50 meanwhile: the first attempt must change nothing.
pub async fn transactions(subject: &Subject<'_>, watched: Watched) -> Result<Evidence, EngineError> {
    let endpoint = subject.endpoint;
    let Scratch { name: balance, .. } = Scratch::new();
    let log = format!("{balance}.log");
    let proof = async {
        let mut connection = client::connect(endpoint).await?;
        let mut other = client::connect(endpoint).await?;
        let failed = |action: &'static str| endpoint.failed::<RedisError>(action);
        connection.set(&balance, 100).await.map_err(failed("set the balance"))?;

        watch(
            endpoint,
            &mut connection,
            if watched == Watched::TheKeyItWrites {
                &balance
            } else {
                &log
            },
        )
        .await?;
        other
            .set(&balance, 50)
            .await
            .map_err(failed("change the balance in between"))?;
        let disturbed = take_thirty(endpoint, &mut connection, &balance, &log).await?;
        endpoint.expect("drop a transaction that came too late", &None, &disturbed)?;
        let left = connection.get(&balance).await.map_err(failed("read the balance"))?;
        endpoint.expect("leave the balance of the faster client", &Some("50".to_owned()), &left)?;

        watch(endpoint, &mut connection, &balance).await?;
        let undisturbed = take_thirty(endpoint, &mut connection, &balance, &log).await?;
        endpoint.expect("do all of a transaction", &Some((20, 1)), &undisturbed)
    };
    prove_and_remove(endpoint, proof, delete(endpoint, &[&balance, &log])).await?;
    Evidence::proved("100 set to 50 by another client, 30 not taken; 30 taken of 50 when nobody disturbed")
}

async fn watch(endpoint: &Endpoint, connection: &mut MultiplexedConnection, key: &str) -> Result<(), EngineError> {
    let watching = redis::cmd("WATCH").arg(key).exec_async(connection).await;
    watching.map_err(endpoint.failed("watch a key"))
}

/// The balance and the number of entries in the log after it; none where the transaction was dropped.
async fn take_thirty(
    endpoint: &Endpoint,
    connection: &mut MultiplexedConnection,
    balance: &str,
    log: &str,
) -> Result<Option<(i64, i64)>, EngineError> {
    let mut transaction = redis::pipe();
    transaction.atomic().decr(balance, 30).rpush(log, "took 30");
    let outcome = transaction.query_async(connection).await;
    outcome.map_err(endpoint.failed("execute the transaction"))
}

/// Releases a lock for its owner alone.
pub const RELEASE: &str =
    "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) else return 0 end";

/// Has `release` called by a stranger, who must not release the lock, and by its owner, who must.
pub async fn scripts(subject: &Subject<'_>, release: &str) -> Result<Evidence, EngineError> {
    let endpoint = subject.endpoint;
    let Scratch {
        name: lock,
        value: owner,
    } = Scratch::new();
    let proof = async {
        let mut connection = client::connect(endpoint).await?;
        let locking = connection.set(&lock, &owner).await;
        locking.map_err(endpoint.failed("take the lock"))?;
        for (who, token, released) in [("a stranger", "nobody", 0), ("its owner", owner.as_str(), 1)] {
            let action = format!("release the lock as {who}");
            let answer: Result<i64, _> = evaluate(&mut connection, release, &[&lock], token).await;
            endpoint.expect(&action, &released, &answer.map_err(endpoint.failed(&action))?)?;
        }
        let left = connection
            .exists(&lock)
            .await
            .map_err(endpoint.failed("look for the lock"))?;
        endpoint.expect("release the lock", &false, &left)
    };
    prove_and_remove(endpoint, proof, delete(endpoint, &[&lock])).await?;
    Evidence::proved("a stranger released 0 locks, the owner 1")
}

async fn evaluate<T: redis::FromRedisValue>(
    connection: &mut MultiplexedConnection,
    script: &str,
    keys: &[&str],
    argument: &str,
) -> Result<T, RedisError> {
    let mut command = redis::cmd("EVAL");
    command.arg(script).arg(keys.len()).arg(keys).arg(argument);
    command.query_async(connection).await
}

/// Reads a key in a script that has declared none. Dragonfly locks what a script declares, and nothing else.
pub async fn undeclared_keys(subject: &Subject<'_>) -> Result<Evidence, EngineError> {
    let endpoint = subject.endpoint;
    let mut connection = client::connect(endpoint).await?;
    let info = client::info(endpoint, &mut connection).await?;
    let name = Scratch::new().name;
    let answer = evaluate(&mut connection, "return redis.call('GET', ARGV[1])", &[], &name).await;
    is_refused(endpoint, client::is_dragonfly(&info), answer)
}

fn is_refused(
    endpoint: &Endpoint,
    is_dragonfly: bool,
    answer: Result<Value, RedisError>,
) -> Result<Evidence, EngineError> {
    let action = "refuse a script a key that it has not declared";
    match answer {
        Err(error) if error.to_string().contains("undeclared key") => Evidence::proved(error.to_string()),
        Err(error) => Err(endpoint.failed(action)(error)),
        Ok(_) if is_dragonfly => Err(endpoint.unexpected(action, "an error", "it was given the key")),
        Ok(_) => {
            Evidence::not_offered("the server was asked: it is Valkey in Dragonfly's place, and gives a script any key")
        }
    }
}

#[cfg(test)]
mod tests {
    use redis::ErrorKind;

    use super::super::super::super::endpoint::tests::local;
    use super::*;

    #[test]
    fn only_dragonfly_owes_a_refusal_of_undeclared_keys() {
        let endpoint = local("suho-dragonflydb", &[], &[]);
        let refusal = || {
            let words = "script tried accessing undeclared key".to_owned();
            RedisError::from((ErrorKind::Extension, "ERR", words))
        };

        let refused = is_refused(&endpoint, true, Err(refusal()));
        assert!(matches!(refused, Ok(Evidence::Proved(_))), "{refused:?}");
        let given = is_refused(&endpoint, true, Ok(Value::Nil));
        assert!(matches!(given, Err(EngineError::Unexpected { .. })), "{given:?}");
        let stand_in = is_refused(&endpoint, false, Ok(Value::Nil));
        assert!(matches!(stand_in, Ok(Evidence::NotOffered(_))), "{stand_in:?}");
        let broken = is_refused(&endpoint, false, Err(RedisError::from((ErrorKind::Io, "reset"))));
        assert!(matches!(broken, Err(EngineError::Failed { .. })), "{broken:?}");
    }
}
