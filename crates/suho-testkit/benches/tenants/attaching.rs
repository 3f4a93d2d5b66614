//! A new process that attaches to the warm stack, against one that knows the endpoints and only connects and logs in.

use std::collections::BTreeMap;
use std::env;
use std::io::{self, Read};
use std::process::Stdio;
use std::time::{Duration, Instant};

use async_nats::ConnectOptions;
use suho_stack::engines::Endpoint;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio_postgres::NoTls;

use crate::Outcome;
use crate::figures::Times;

const RUNS: usize = 50;
const ATTACH: &str = "--attach";
const CONNECT: &str = "--connect";

/// The times of both, taken in turns so that what disturbs one disturbs the other.
pub async fn measure(endpoints: &BTreeMap<String, Endpoint>) -> Outcome<(Times, Times)> {
    let known = serde_json::to_vec(endpoints)?;
    let (mut attaching, mut connecting) = (Times::default(), Times::default());
    for _ in 0..RUNS {
        attaching.add(time_of(ATTACH, &known).await?);
        connecting.add(time_of(CONNECT, &known).await?);
    }
    Ok((attaching, connecting))
}

/// What a process of this program's took by its own clock, from its first line on.
async fn time_of(role: &str, input: &[u8]) -> Outcome<Duration> {
    let mut child = Command::new(env::current_exe()?)
        .arg(role)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut stdin = child.stdin.take().ok_or("the child has a standard input")?;
    stdin.write_all(input).await?;
    drop(stdin);
    let output = child.wait_with_output().await?;
    let text = String::from_utf8(output.stdout)?;
    let micros = text.trim().parse().map_err(|_| format!("the child said `{text}`"))?;
    Ok(Duration::from_micros(micros))
}

/// Does what a process of [`measure`] does, if this is one.
pub async fn play_role() -> Outcome<bool> {
    let start = Instant::now();
    match env::args().nth(1).as_deref() {
        Some(ATTACH) => drop(suho_testkit::stack().await),
        Some(CONNECT) => connect_to_all().await?,
        _ => return Ok(false),
    }
    println!("{}", start.elapsed().as_micros());
    Ok(true)
}

async fn connect_to_all() -> Outcome<()> {
    let mut text = String::new();
    io::stdin().read_to_string(&mut text)?;
    let endpoints: BTreeMap<String, Endpoint> = serde_json::from_str(&text)?;
    let connecting = endpoints.values().map(connect);
    futures::future::try_join_all(connecting).await?;
    Ok(())
}

async fn connect(endpoint: &Endpoint) -> Outcome<()> {
    match endpoint.service.as_str() {
        "suho-postgresql" => postgresql(endpoint).await,
        "suho-clickhouse" => {
            let client = clickhouse::Client::default()
                .with_url(format!("http://{}", endpoint.address(8123)?))
                .with_user("suho")
                .with_password(endpoint.credential("SUHO_CLICKHOUSE_PASSWORD")?);
            client.query("SELECT 1").execute().await?;
            Ok(())
        }
        "suho-dragonflydb" => {
            let password = endpoint.credential("DFLY_requirepass")?;
            let client = redis::Client::open(format!("redis://:{password}@{}", endpoint.address(6379)?))?;
            client.get_multiplexed_async_connection().await?;
            Ok(())
        }
        "suho-weaviate" => weaviate(endpoint).await,
        "suho-nats-server" => {
            let password = endpoint.credential("SUHO_NATS_PASSWORD")?.to_owned();
            let options = ConnectOptions::with_user_and_password("suho".to_owned(), password);
            options.connect(endpoint.address(4222)?).await?;
            Ok(())
        }
        "suho-kafka" => kafka(endpoint).await,
        // ZooKeeper is not published.
        _ => Ok(()),
    }
}

async fn postgresql(endpoint: &Endpoint) -> Outcome<()> {
    let (client, connection) = tokio_postgres::Config::new()
        .host(&endpoint.host)
        .port(endpoint.port(5432)?)
        .user("suho")
        .password(endpoint.credential("SUHO_POSTGRESQL_PASSWORD")?)
        .dbname("suho")
        .connect(NoTls)
        .await?;
    drop((client, connection));
    Ok(())
}

/// The least that an HTTP client can do.
async fn weaviate(endpoint: &Endpoint) -> Outcome<()> {
    let keys = endpoint.credential("AUTHENTICATION_APIKEY_ALLOWED_KEYS")?;
    let key = keys.split(',').next().unwrap_or_default();
    let request =
        format!("GET /v1/meta HTTP/1.1\r\nHost: weaviate\r\nAuthorization: Bearer {key}\r\nConnection: close\r\n\r\n");
    let mut stream = TcpStream::connect(endpoint.address(8080)?).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let answered = answer.starts_with("HTTP/1.1 200");
    answered.then_some(()).ok_or_else(|| answer.into())
}

/// SASL/PLAIN by hand, which is what librdkafka does first.
async fn kafka(endpoint: &Endpoint) -> Outcome<()> {
    const HANDSHAKE: (i16, i16) = (17, 1);
    const AUTHENTICATE: (i16, i16) = (36, 0);
    let mechanism = [&5_i16.to_be_bytes()[..], b"PLAIN"].concat();
    let token = format!("\0suho\0{}", endpoint.credential("SUHO_KAFKA_PASSWORD")?);
    let token = [&i32::try_from(token.len())?.to_be_bytes()[..], token.as_bytes()].concat();
    let mut stream = TcpStream::connect(endpoint.address(9092)?).await?;
    for ((key, version), body) in [(HANDSHAKE, mechanism), (AUTHENTICATE, token)] {
        let mut request = Vec::new();
        request.extend(key.to_be_bytes());
        request.extend(version.to_be_bytes());
        // The number of the request, and no name of the client.
        request.extend(0_i32.to_be_bytes());
        request.extend((-1_i16).to_be_bytes());
        request.extend(body);
        stream.write_i32(i32::try_from(request.len())?).await?;
        stream.write_all(&request).await?;
        let mut answer = vec![0; usize::try_from(stream.read_i32().await?)?];
        stream.read_exact(&mut answer).await?;
        if answer.get(4..6) != Some(&[0, 0]) {
            return Err("Kafka refused the login".into());
        }
    }
    Ok(())
}
