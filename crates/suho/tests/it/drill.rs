use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader, Write},
    net::TcpStream,
    path::PathBuf,
    process::Command,
};

use serde_json::Value;
use suho_stack::deployment::Variables;

use crate::{deployed::Deployed, root, run, stderr, stdout, suho};

const TICKS: &str = "INSERT INTO market.ticks
    SELECT timestamptz '2026-11-01' + i * interval '97 second', i % 5, i, 100 + i % 7, 1, 'buy' FROM generate_series(1, 5000) i;
    CREATE ROLE desk LOGIN PASSWORD 'desk1'; GRANT suho_read TO desk;";

/// A command of `suho` about this deployment.
fn about(deployed: &Deployed, arguments: &[&str]) -> Command {
    let mut command = suho();
    command
        .args(arguments)
        .args(["--target", "compose-airgap", "--directory"])
        .arg(deployed.path());
    command
}

/// Takes a backup, and returns its directory and what it says of itself.
fn backed_up(deployed: &Deployed, arguments: &[&str]) -> (PathBuf, Value) {
    let taken = run(&mut about(deployed, &[&["backup", "--json"], arguments].concat()), 0);
    let taken: Value = serde_json::from_slice(&taken.stdout).unwrap();
    (taken["path"].as_str().unwrap().into(), taken["manifest"].clone())
}

/// What the backup counted, by what was counted.
fn tallies(manifest: &Value) -> BTreeMap<String, Value> {
    let parts = manifest["engines"].as_array().unwrap().iter();
    parts
        .flat_map(|part| part["tallies"].as_array().unwrap())
        .map(|tally| (tally["what"].as_str().unwrap().to_owned(), tally.clone()))
        .collect()
}

fn sql(deployed: &Deployed, statement: &str) -> String {
    let psql = "PGPASSWORD=$POSTGRES_PASSWORD psql -XAtq -v ON_ERROR_STOP=1 -h 127.0.0.1 -U suho_admin suho";
    deployed.inside("suho-postgresql", &format!("{psql} <<'END'\n{statement}\nEND"))
}

fn lose_every_volume(deployed: &Deployed) {
    run(&mut deployed.compose(&["down", "--volumes", "--timeout", "10"]), 0);
}

/// Publishes into the declared stream of fills, by NATS's own protocol.
fn publish_fills(deployed: &Deployed, count: usize) {
    let variables = Variables::from_env_file(&deployed.path().join(".env")).unwrap();
    let variable = |name: &str| variables.get(name).unwrap().to_owned();
    let mut server = TcpStream::connect(("127.0.0.1", variable("SUHO_NATS_PORT").parse().unwrap())).unwrap();
    let password = variable("SUHO_NATS_PASSWORD");
    let mut words = format!(r#"CONNECT {{"user":"suho","pass":"{password}","verbose":false}}"#) + "\r\n";
    words.push_str(&"PUB executions.a 4\r\nfill\r\n".repeat(count));
    words.push_str("PING\r\n");
    server.write_all(words.as_bytes()).unwrap();
    let answer = BufReader::new(server)
        .lines()
        .map(Result::unwrap)
        .find(|line| !line.starts_with("INFO"));
    assert_eq!(answer.as_deref(), Some("PONG"));
}

/// Something in every engine of the deployment that is backed up.
fn seed(deployed: &Deployed) {
    sql(deployed, TICKS);
    deployed.inside(
        "suho-clickhouse",
        r#"wget -qO- --header "X-ClickHouse-User: $CLICKHOUSE_USER" --header "X-ClickHouse-Key: $CLICKHOUSE_PASSWORD" \
             --post-data "INSERT INTO market.ticks SELECT 'S', toDateTime64('2026-11-30 00:00:00', 6, 'UTC') + number, 1, 1, 'buy', 'X', number FROM numbers(3000)" \
             http://127.0.0.1:8123/"#,
    );
    deployed.inside(
        "suho-dragonflydb",
        "REDISCLI_AUTH=$DFLY_requirepass redis-cli SET price 12",
    );
    deployed.inside(
        "suho-kafka",
        r#"login="org.apache.kafka.common.security.plain.PlainLoginModule required username=broker password=$SUHO_KAFKA_BROKER_PASSWORD;"
           seq 300 | kafka-console-producer --bootstrap-server suho-kafka:29092 --topic executions \
             --producer-property security.protocol=SASL_PLAINTEXT --producer-property sasl.mechanism=PLAIN \
             --producer-property sasl.jaas.config="$login""#,
    );
    publish_fills(deployed, 40);
}

#[test]
fn a_deployment_that_has_lost_every_volume_is_restored_and_equal() {
    let deployed = Deployed::of("drill", false, &[]);
    seed(&deployed);
    let (path, manifest) = backed_up(&deployed, &[]);

    lose_every_volume(&deployed);
    deployed.start(&[]);
    assert_eq!(sql(&deployed, "SELECT count(*) FROM market.ticks").trim(), "0");
    let name = path.file_name().unwrap().to_str().unwrap();
    let restored = stdout(&run(&mut about(&deployed, &["restore", name]), 0));

    assert!(restored.contains("equal to the backup"), "{restored}");
    let before = tallies(&manifest);
    for (what, count) in [
        ("rows of market.ticks in suho", 5_000),
        ("rows of market.ticks", 3_000),
        ("keys of the database 0", 1),
        ("messages of the stream EXECUTIONS", 40),
    ] {
        assert_eq!(
            before.get(what).map(|tally| &tally["count"]),
            Some(&count.into()),
            "{what} in {before:#?}"
        );
    }
    assert_eq!(
        sql(
            &deployed,
            "SELECT count(*), has_table_privilege('desk', 'market.ticks', 'SELECT') FROM market.ticks"
        )
        .trim(),
        "5000|t"
    );
    assert_eq!(tallies(&backed_up(&deployed, &[]).1), before);
    // The services log in as ever.
    let verify = ["verify", "--only", "features", "--engine", "postgresql,nats"];
    run(&mut about(&deployed, &verify), 0);
}

/// The commands of the README that put a base backup back, with the name of a backup in the place of theirs.
fn commands_of_the_readme(name: &str) -> Vec<String> {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let mut blocks = readme
        .split("```console\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap());
    let block = blocks.find(|block| block.contains("pg_verifybackup")).unwrap();
    let commands = block.trim().trim_start_matches("$ ").split("\n$ ");
    commands
        .map(|command| command.replace("2026-12-01T06-00-00Z", name))
        .collect()
}

#[test]
fn a_base_backup_is_put_back_by_the_commands_of_the_readme() {
    const SERVICE: [&str; 1] = ["suho-postgresql"];
    const COUNTS: &str = "SELECT count(*), sum(hash_record_extended(t, 0)::numeric) FROM market.ticks t;
        SELECT count(*) FROM timescaledb_information.chunks;
        SELECT has_table_privilege('desk', 'market.ticks', 'SELECT')";
    let deployed = Deployed::of("base-backup", false, &SERVICE);
    sql(&deployed, TICKS);
    let counts = sql(&deployed, COUNTS);
    let (path, manifest) = backed_up(&deployed, &["--physical", "--engine", "postgresql"]);
    let name = path.file_name().unwrap().to_str().unwrap();
    assert!(path.join("postgresql/base.tar.zst").is_file(), "{manifest}");

    let listed = stdout(&run(
        suho().args(["backups", "--verify", "--in"]).arg(path.parent().unwrap()),
        0,
    ));
    assert!(listed.contains("postgresql by hand"), "{listed}");
    let refused = stderr(&run(&mut about(&deployed, &["restore", name, "--replace"]), 1));
    assert!(
        refused.contains("nothing was touched") && refused.contains("unpacked by hand"),
        "{refused}"
    );
    // What came after the backup is not in it.
    sql(&deployed, "DELETE FROM market.ticks WHERE instrument_id = 3");
    for lost in [false, true] {
        if lost {
            lose_every_volume(&deployed);
        }
        for command in commands_of_the_readme(name) {
            let mut shell = Command::new("bash");
            shell
                .args(["-euo", "pipefail", "-c", &command])
                .current_dir(deployed.path())
                .envs(deployed.environment());
            println!("{command}\n{}", stdout(&run(&mut shell, 0)));
        }
        assert_eq!(sql(&deployed, COUNTS), counts, "lost: {lost}");
    }
    run(
        &mut about(&deployed, &["verify", "--only", "features", "--engine", "postgresql"]),
        0,
    );
}
