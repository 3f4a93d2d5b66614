//! A snapshot in the format RDB, which both Dragonfly and its stand-in write and load.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use redis::aio::MultiplexedConnection;
use redis::{RedisError, Value};
use tokio::time::sleep;

use super::super::asking::until_answered;
use super::super::backup::{
    self as keeping, Account, Backup, Instance, Origin, Packing, Reads, Shelf, Tally, Vault, compare, older, settled,
};
use super::super::{Endpoint, EngineError, Waiting};
use super::{client, counting};

/// The snapshot.
const CONTENT: &str = "dump.rdb";
/// What Dragonfly is asked to write and load: its own snapshots have another name.
const DRAGONFLY_FILE: &str = "suho-backup.rdb";
/// How long a snapshot may take.
const PATIENCE: Duration = Duration::from_secs(600);
const PAUSE: Duration = Duration::from_millis(25);

/// `SAVE` and a start on what was saved.
#[derive(Debug)]
pub(super) struct Snapshot;

/// A connection, and who is at its other end.
struct Server<'a> {
    endpoint: &'a Endpoint,
    connection: MultiplexedConnection,
    is_dragonfly: bool,
}

#[async_trait]
impl Backup for Snapshot {
    async fn back_up(&self, instance: &Instance<'_>, vault: &dyn Vault) -> Result<Account, EngineError> {
        let mut server = Server::connect(instance.endpoint).await?;
        let before = server.count().await?;
        let path = server.save().await?;
        let content = instance.tools.file(&path).await?;
        let file = vault.create(CONTENT, Packing::Compressed).await?;
        let ((), after) = tokio::try_join!(keeping::fill(file, content), server.count())?;
        let (tallies, mut notes) = settled(&before, after);
        if server.is_dragonfly {
            instance.tools.ask(&["rm", "-f", &path]).await?;
        }
        notes.push("keys that expire are in it, and not counted: some may be gone at a restore".to_owned());
        Ok(Account { tallies, notes })
    }

    async fn occupied(&self, instance: &Instance<'_>) -> Result<Vec<String>, EngineError> {
        let mut server = Server::connect(instance.endpoint).await?;
        let databases = server.databases().await?;
        Ok(databases
            .iter()
            .map(|Database { number, keys, .. }| format!("{keys} keys in the database {number}"))
            .collect())
    }

    fn objection(&self, stored: &Origin, live: &Origin) -> Option<String> {
        if stored.stand_in.is_some() != live.stand_in.is_some() {
            return Some(format!(
                "the backup was made by {}, and {} runs here: whether the one reads all that the other writes was never tried",
                stored.version, live.version
            ));
        }
        older(&stored.version, &live.version)
    }

    async fn restore(
        &self,
        instance: &Instance<'_>,
        store: &dyn Shelf,
        account: &Account,
    ) -> Result<Vec<Tally>, EngineError> {
        let mut server = Server::connect(instance.endpoint).await?;
        let tallies = if server.is_dragonfly {
            server.load(instance, store).await?
        } else {
            server.start_on(instance, store).await?
        };
        compare(instance.endpoint, &account.tallies, &tallies)?;
        Ok(tallies)
    }
}

impl<'a> Server<'a> {
    async fn connect(endpoint: &'a Endpoint) -> Result<Self, EngineError> {
        let mut connection = client::connect(endpoint).await?;
        let info = client::info(endpoint, &mut connection).await?;
        Ok(Self {
            endpoint,
            connection,
            is_dragonfly: client::is_dragonfly(&info),
        })
    }

    async fn ask(&mut self, action: &str, words: &[&str]) -> Result<Value, EngineError> {
        let answer = command(words).query_async(&mut self.connection).await;
        answer.map_err(self.endpoint.failed(action))
    }

    /// Writes a snapshot, and returns where in the container it is.
    async fn save(&mut self) -> Result<String, EngineError> {
        const ACTION: &str = "write a snapshot";
        let directory = self.setting("dir").await?;
        if self.is_dragonfly {
            let name = DRAGONFLY_FILE.trim_end_matches(".rdb");
            self.ask(ACTION, &["SAVE", "RDB", name]).await?;
            return Ok(format!("{directory}/{DRAGONFLY_FILE}"));
        }
        let begun = Instant::now();
        // One that is being written began before now.
        while let Err(error) = command(&["BGSAVE"]).query_async::<Value>(&mut self.connection).await {
            if !is_busy(&error) || begun.elapsed() > PATIENCE {
                return Err(self.endpoint.failed(ACTION)(error));
            }
            sleep(PAUSE).await;
        }
        loop {
            let info = client::info(self.endpoint, &mut self.connection).await?;
            let field = |name: &str| client::field(&info, name).unwrap_or_default().to_owned();
            if field("rdb_bgsave_in_progress") == "0" {
                self.endpoint
                    .expect(ACTION, "ok", field("rdb_last_bgsave_status").as_str())?;
                return Ok(format!("{directory}/{}", self.setting("dbfilename").await?));
            }
            if begun.elapsed() > PATIENCE {
                return Err(self.endpoint.failed(ACTION)("it does not end"));
            }
            sleep(PAUSE).await;
        }
    }

    async fn setting(&mut self, name: &str) -> Result<String, EngineError> {
        let action = format!("read the setting {name}");
        let pair: Result<Vec<String>, _> = command(&["CONFIG", "GET", name])
            .query_async(&mut self.connection)
            .await;
        let pair = pair.map_err(self.endpoint.failed(&action))?;
        let value = pair.into_iter().nth(1);
        value.ok_or_else(|| self.endpoint.unexpected(&action, "a value", "none"))
    }

    /// Has Valkey start on the snapshot, as it loads one at a start alone.
    async fn start_on(&mut self, instance: &Instance<'_>, store: &dyn Shelf) -> Result<Vec<Tally>, EngineError> {
        const ACTION: &str = "keep the server from writing another snapshot";
        let path = format!("{}/{}", self.setting("dir").await?, self.setting("dbfilename").await?);
        write_file(instance, store, &format!("{path}.restored")).await?;
        // Until it has started anew; then the deployment's own settings count again.
        for setting in [["save", ""], ["shutdown-on-sigterm", "nosave"]] {
            self.ask(ACTION, &["CONFIG", "SET", setting[0], setting[1]]).await?;
        }
        let rename = r#"chown --reference="$(dirname "$0")" "$0.restored" && mv -f "$0.restored" "$0""#;
        instance.tools.ask(&["sh", "-c", rename, &path]).await?;
        let moved = instance.restart.restart(&self.endpoint.service).await?;
        until_answered(&Waiting::new(), || super::ask(&moved)).await;
        Server::connect(&moved).await?.count().await
    }

    /// Has Dragonfly load the snapshot.
    async fn load(&mut self, instance: &Instance<'_>, store: &dyn Shelf) -> Result<Vec<Tally>, EngineError> {
        const ACTION: &str = "load a snapshot";
        let path = format!("{}/{DRAGONFLY_FILE}", self.setting("dir").await?);
        write_file(instance, store, &path).await?;
        instance.tools.ask(&["chmod", "0644", &path]).await?;
        self.ask(ACTION, &["FLUSHALL"]).await?;
        let loaded = self.ask(ACTION, &["DFLY", "LOAD", DRAGONFLY_FILE]).await;
        instance.tools.ask(&["rm", "-f", &path]).await?;
        loaded?;
        self.count().await
    }

    /// The databases that have keys.
    async fn databases(&mut self) -> Result<Vec<Database>, EngineError> {
        let info = client::info(self.endpoint, &mut self.connection).await?;
        Ok(info.lines().filter_map(database).collect())
    }

    /// The keys of each database that do not expire, with a sum of the hashes of their values.
    async fn count(&mut self) -> Result<Vec<Tally>, EngineError> {
        let mut tallies = Vec::new();
        for Database {
            number, some_expire, ..
        } in self.databases().await?
        {
            self.ask("choose a database", &["SELECT", &number.to_string()]).await?;
            let summed = counting::sum(&self.connection, some_expire).await;
            let (count, sum) = summed.map_err(self.endpoint.failed("count the keys"))?;
            tallies.push(Tally::sum(
                format!("keys of the database {number}"),
                count,
                format!("{sum:032x}"),
            ));
        }
        Ok(tallies)
    }
}

fn command(words: &[&str]) -> redis::Cmd {
    let mut command = redis::Cmd::new();
    for word in words {
        command.arg(*word);
    }
    command
}

fn is_busy(error: &RedisError) -> bool {
    error.to_string().contains("already in progress")
}

/// A logical database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Database {
    number: u32,
    keys: u64,
    /// Not of all of them it is told that they stay.
    some_expire: bool,
}

/// What `db3:keys=12,expires=0,…` tells.
fn database(line: &str) -> Option<Database> {
    let (number, fields) = line.strip_prefix("db")?.split_once(':')?;
    let field = |name: &str| {
        let mut values = fields.split(',').filter_map(|field| field.split_once('='));
        let (_, value) = values.find(|(field, _)| *field == name)?;
        value.trim().parse::<u64>().ok()
    };
    Some(Database {
        number: number.parse().ok()?,
        keys: field("keys")?,
        some_expire: field("expires") != Some(0),
    })
}

/// Writes the snapshot of `store` into the container.
async fn write_file(instance: &Instance<'_>, store: &dyn Shelf, path: &str) -> Result<(), EngineError> {
    let cat = instance
        .tools
        .start(&["sh", "-c", r#"exec cat > "$0""#, path], Reads::Input)
        .await?;
    cat.fed(store.open(CONTENT).await?).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_with_keys_is_read_from_what_the_server_says() {
        let found = |some_expire| {
            Some(Database {
                number: 3,
                keys: 12,
                some_expire,
            })
        };
        assert_eq!(database("db3:keys=12,expires=1,avg_ttl=0"), found(true));
        assert_eq!(database("db3:keys=12,expires=0,avg_ttl=0\r"), found(false));
        assert_eq!(database("db3:keys=12"), found(true));
        assert_eq!(database("db_size:0"), None);
    }
}
