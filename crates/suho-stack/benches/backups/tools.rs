//! What each engine's own tool takes: alone, with its result in the container; and with its result on this machine,
//! compressed where the tool does not compress, hashed, and on the disk itself, by a pipe of usual programs.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use futures::StreamExt;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use suho_stack::engines;
use suho_stack::stack::Stack;
use tokio::fs::File;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::time::sleep;

use crate::Outcome;
use crate::clients::{self, STILL};
use crate::seeds::{RECORDS, post};

const PG_DUMP: &str =
    "PGPASSWORD=$POSTGRES_PASSWORD pg_dump -h 127.0.0.1 -U suho_admin --format=custom --compress=zstd:3 suho";
/// With all that a record has.
const CONSUMER: &str = "printf 'security.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\n\
    sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required username=\"suho\" password=\"%s\";\n' \
    \"$SUHO_KAFKA_PASSWORD\" >/tmp/bench.properties && \
    kafka-console-consumer --bootstrap-server localhost:29092 --consumer.config /tmp/bench.properties --from-beginning \
    --property print.key=true --property print.timestamp=true --property print.headers=true --property print.partition=true";

/// Between two looks at a tool that works in the background.
const PAUSE: Duration = Duration::from_millis(20);

/// How long both ways took.
#[derive(Debug, Clone, Copy)]
pub struct Taken {
    pub bare: Duration,
    pub carried: Duration,
}

/// The tool of `engine` over all that it holds, twice.
pub async fn measure(stack: &Stack, engine: &str, directory: &Path) -> Outcome<Taken> {
    let tool = Tool {
        stack,
        engine,
        directory,
    };
    match engine {
        "postgresql" => {
            tool.streaming(&format!("{PG_DUMP} --file=/tmp/bench.dump"), PG_DUMP, Zstd::Within)
                .await
        }
        "kafka" => {
            let consumer = format!("{CONSUMER} --topic {STILL} --max-messages {RECORDS}");
            tool.streaming(&format!("{consumer} >/tmp/bench.txt"), &consumer, Zstd::Here)
                .await
        }
        "clickhouse" => tool.clickhouse().await,
        "dragonflydb" => tool.valkey().await,
        "weaviate" => tool.weaviate().await,
        "nats" => tool.nats().await,
        _ => Err(format!("the tool of {engine} is not known here").into()),
    }
}

/// Whether what a tool writes has to be compressed here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Zstd {
    Here,
    Within,
}

struct Tool<'a> {
    stack: &'a Stack,
    engine: &'a str,
    directory: &'a Path,
}

impl Tool<'_> {
    /// One that writes to a file, or to its standard output.
    async fn streaming(&self, bare: &str, carried: &str, zstd: Zstd) -> Outcome<Taken> {
        Ok(Taken {
            bare: timed(self.inside(bare)).await?,
            carried: timed(self.carry(carried, zstd)).await?,
        })
    }

    /// One that leaves a file behind, which is carried here after.
    async fn leaving(&self, making: Duration, carried: &str, zstd: Zstd) -> Outcome<Taken> {
        Ok(Taken {
            bare: making,
            carried: making + timed(self.carry(carried, zstd)).await?,
        })
    }

    async fn clickhouse(&self) -> Outcome<Taken> {
        let client = clients::clickhouse(self.stack)?.with_setting("max_execution_time", "0");
        let statement = "BACKUP DATABASE market, DATABASE scratch TO Disk('backups', 'bench.tar')";
        let making = timed(async { Ok(client.query_raw(statement).execute().await?) }).await?;
        let directory = client.query("SELECT path FROM system.disks WHERE name = 'backups'");
        let directory = directory.fetch_one::<String>().await?;
        let file = format!("{directory}bench.tar");
        let taken = self.leaving(making, &format!("cat {file}"), Zstd::Within).await?;
        self.inside(&format!("rm {file}")).await?;
        Ok(taken)
    }

    async fn valkey(&self) -> Outcome<Taken> {
        let mut connection = clients::valkey(self.stack, 0).await?;
        let making = timed(async {
            redis::cmd("BGSAVE").exec_async(&mut connection).await?;
            loop {
                let info: String = redis::cmd("INFO")
                    .arg("persistence")
                    .query_async(&mut connection)
                    .await?;
                if info.contains("rdb_bgsave_in_progress:0") {
                    return Ok(());
                }
                sleep(PAUSE).await;
            }
        })
        .await?;
        let (directory, file) = redis::pipe()
            .cmd("CONFIG")
            .arg("GET")
            .arg("dir")
            .cmd("CONFIG")
            .arg("GET")
            .arg("dbfilename")
            .query_async::<([String; 2], [String; 2])>(&mut connection)
            .await?;
        self.leaving(making, &format!("cat {}/{}", directory[1], file[1]), Zstd::Here)
            .await
    }

    async fn weaviate(&self) -> Outcome<Taken> {
        let id = format!("bench{}", rand::random::<u32>());
        let making = timed(async {
            post(self.stack, "/v1/backups/filesystem", &json!({ "id": id })).await?;
            loop {
                let path = format!("/v1/backups/filesystem/{id}");
                let answer = clients::weaviate(self.stack, reqwest::Client::get, &path)?;
                let answer: Value = answer.send().await?.json().await?;
                match answer["status"].as_str() {
                    Some("SUCCESS") => return Ok(()),
                    Some("FAILED") => return Err(answer.to_string().into()),
                    _ => sleep(PAUSE).await,
                }
            }
        })
        .await?;
        let tar = format!("cd $BACKUP_FILESYSTEM_PATH && tar -cf - {id}");
        let taken = self.leaving(making, &tar, Zstd::Here).await?;
        self.inside(&format!("rm -r $BACKUP_FILESYSTEM_PATH/{id}")).await?;
        Ok(taken)
    }

    /// The stream alone that does not move, by the requests that `nats stream backup` makes.
    async fn nats(&self) -> Outcome<Taken> {
        let client = clients::nats(self.stack).await?;
        let bare = timed(snapshot(&client, None)).await?;
        let file = self.directory.join("nats");
        let carried = timed(async { snapshot(&client, Some(File::create(&file).await?)).await }).await?;
        Ok(Taken { bare, carried })
    }

    fn container(&self) -> Outcome<&str> {
        let engine = engines::all().iter().find(|engine| engine.name() == self.engine);
        let member = engine.and_then(|engine| self.stack.state().member(engine.service()));
        Ok(&member.ok_or("it was started")?.container)
    }

    /// Runs `script` in the container of the engine.
    async fn inside(&self, script: &str) -> Outcome<()> {
        let mut docker = Command::new("docker");
        docker.args(["exec", self.container()?, "sh", "-c", script]);
        succeed(docker).await
    }

    /// What `script` writes becomes a file here, and is hashed as it does.
    async fn carry(&self, script: &str, zstd: Zstd) -> Outcome<()> {
        const PIPE: &str =
            r#"set -o pipefail; docker exec "$1" sh -c "$2" | $3 | tee "$4" | sha256sum >"$4.sum" && sync "$4""#;
        let packing = match zstd {
            Zstd::Here => "zstd -q -3 -T1 -c",
            Zstd::Within => "cat",
        };
        let mut bash = Command::new("bash");
        bash.args(["-c", PIPE, "bash", self.container()?, script, packing]);
        bash.arg(self.directory.join(self.engine));
        succeed(bash).await
    }
}

/// Fails with what the program says, where it does.
async fn succeed(mut program: Command) -> Outcome<()> {
    let output = program.stdout(Stdio::null()).output().await?;
    if output.status.success() {
        return Ok(());
    }
    let words = String::from_utf8_lossy(&output.stderr);
    Err(format!("{program:?} ended with {}: {words}", output.status).into())
}

async fn timed(work: impl Future<Output = Outcome<()>>) -> Outcome<Duration> {
    let begun = Instant::now();
    work.await?;
    Ok(begun.elapsed())
}

/// Reads the snapshot of the stream, into `file` and hashed where there is one.
async fn snapshot(client: &async_nats::Client, mut file: Option<File>) -> Outcome<()> {
    let inbox = client.new_inbox();
    let mut pieces = client.subscribe(inbox.clone()).await?;
    let asked = json!({"deliver_subject": inbox, "chunk_size": 512 * 1024});
    let subject = format!("$JS.API.STREAM.SNAPSHOT.{STILL}");
    client.request(subject, asked.to_string().into()).await?;
    let mut hasher = Sha256::new();
    while let Some(piece) = pieces.next().await.filter(|piece| !piece.payload.is_empty()) {
        if let Some(file) = &mut file {
            hasher.update(&piece.payload);
            file.write_all(&piece.payload).await?;
        }
        if let Some(reply) = piece.reply {
            client.publish(reply, "".into()).await?;
        }
    }
    match file {
        Some(file) => Ok(file.sync_all().await?),
        None => Ok(()),
    }
}
