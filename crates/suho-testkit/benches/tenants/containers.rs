//! The other ways to an isolated PostgreSQL: a container for each test, and migrations for each database.

use std::time::{Duration, Instant};

use futures::future::try_join_all;
use suho_stack::deployment::Files;
use testcontainers_modules::postgres::Postgres;
use testcontainers_modules::testcontainers::core::ExecCommand;
use testcontainers_modules::testcontainers::runners::AsyncRunner;
use testcontainers_modules::testcontainers::{ContainerAsync, ImageExt};
use tokio::time::sleep;
use tokio_postgres::{Client, NoTls};

use crate::Outcome;
use crate::figures::Times;

const PASSWORD: &str = "bench";
const SCRIPTS: [&str; 2] = [
    "init-scripts/01-create-extensions.sql",
    "init-scripts/02-create-tables.sql",
];
/// A sample, since the slow side takes seconds each.
const SAMPLE: u32 = 6;
const CONTAINERS: usize = SAMPLE as usize;
const DATABASES: usize = 10;

/// What a test of either side does with its database.
pub async fn use_database(client: &Client) -> Outcome<()> {
    let account = "INSERT INTO trading.accounts (name, base_currency) VALUES ('desk', 'EUR') RETURNING account_id";
    client.query_one(account, &[]).await?;
    let count: i64 = client
        .query_one("SELECT count(*) FROM trading.accounts", &[])
        .await?
        .get(0);
    (count == 1)
        .then_some(())
        .ok_or_else(|| format!("{count} accounts").into())
}

/// What the other ways take.
pub struct Sample {
    /// Whole tests, from the start of their container to its end.
    pub tests: Times,
    /// Databases with migrations, all in one container.
    pub databases: Times,
    elapsed: Duration,
}

impl Sample {
    /// How long `tests` of them would take.
    pub fn suite(&self, tests: u32) -> Duration {
        self.elapsed * tests / SAMPLE
    }
}

/// A sample of tests, `together` at a time, and the databases.
pub async fn measure(image: &str, together: usize) -> Outcome<Sample> {
    let start = Instant::now();
    let lanes = (0..together).map(|lane| async move {
        let mut times = Vec::new();
        for _ in (lane..CONTAINERS).step_by(together) {
            let start = Instant::now();
            let (container, client) = launch(image).await?;
            use_database(&client).await?;
            container.rm().await?;
            times.push(start.elapsed());
        }
        Outcome::Ok(times)
    });
    let mut tests = Times::default();
    for time in try_join_all(lanes).await?.concat() {
        tests.add(time);
    }
    let elapsed = start.elapsed();
    let (container, _) = launch(image).await?;
    let databases = migrate(&container).await?;
    container.rm().await?;
    Ok(Sample {
        tests,
        databases,
        elapsed,
    })
}

/// The module of testcontainers with our image, whose schema is the deployment's. It is asked every 20 ms whether it serves.
async fn launch(image: &str) -> Outcome<(ContainerAsync<Postgres>, Client)> {
    let (name, tag) = image.rsplit_once(':').ok_or("the image has a tag")?;
    let files = Files::embedded();
    let mut module = Postgres::default()
        .with_db_name("suho")
        .with_user("suho_admin")
        .with_password(PASSWORD);
    for script in SCRIPTS {
        let text = files.get(script).ok_or("the scripts are embedded")?.to_vec();
        module = module.with_init_sql(text);
    }
    let container = module
        .with_name(name)
        .with_tag(tag)
        .with_env_var("SUHO_POSTGRESQL_PASSWORD", PASSWORD)
        .with_env_var("SUHO_POSTGRESQL_READER_PASSWORD", PASSWORD)
        .with_cmd([
            "postgres",
            "-c",
            "shared_preload_libraries=timescaledb,pg_stat_statements",
            "-c",
            "fsync=off",
            "-c",
            "listen_addresses=*",
        ])
        .with_ready_conditions(Vec::new())
        .start()
        .await?;
    let port = container.get_host_port_ipv4(5432).await?;
    let url = format!("postgres://suho:{PASSWORD}@127.0.0.1:{port}/suho");
    let start = Instant::now();
    loop {
        match tokio_postgres::connect(&url, NoTls).await {
            Ok((client, connection)) => {
                tokio::spawn(connection);
                return Ok((container, client));
            }
            Err(error) if start.elapsed() > Duration::from_secs(60) => return Err(error.into()),
            Err(_) => sleep(Duration::from_millis(20)).await,
        }
    }
}

/// `CREATE DATABASE` and the schema by psql, timed in the container: an exec is heard of by polls of half a second.
async fn migrate(container: &ContainerAsync<Postgres>) -> Outcome<Times> {
    let script = format!(
        "for i in $(seq {DATABASES}); do s=$EPOCHREALTIME
         psql -qXd postgres -c \"CREATE DATABASE m$i\" && psql -qX -v ON_ERROR_STOP=1 -d m$i -f /docker-entrypoint-initdb.d/init_1.sql >/dev/null
         e=$EPOCHREALTIME; echo $((${{e/./}} - ${{s/./}})); done 2>/dev/null"
    );
    let command = ExecCommand::new([
        "env",
        "PGUSER=suho_admin",
        "PGPASSWORD=bench",
        "PGHOST=127.0.0.1",
        "bash",
        "-c",
        &script,
    ]);
    let mut answer = container.exec(command).await?;
    let mut times = Times::default();
    for line in String::from_utf8(answer.stdout_to_vec().await?)?.lines() {
        times.add(Duration::from_micros(line.trim().parse()?));
    }
    Ok(times)
}
