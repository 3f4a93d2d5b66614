//! PostgreSQL with the full TimescaleDB, compiled to WebAssembly and served by Node: a single process with one session, in which
//! the init scripts have run and everybody is the service user.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Stdio},
    sync::{Arc, Weak},
};

use suho_stack::{
    deployment::{AIRGAP_FILE, COMPOSE_FILE, Deployment, Files, Secret, Variables},
    engines::{Endpoint, Place, Subject},
};
use tempfile::NamedTempFile;
use tokio::{
    io::AsyncWriteExt,
    process::Command,
    sync::{Mutex, OwnedMutexGuard},
};

use super::{INIT_ROLES, INIT_TABLES, SERVICE};

const PROJECT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/pglite");
/// The only one that it takes, from everybody.
const PASSWORD: &str = "postgres";

/// The server of the tests that run now; the last of them takes it along.
static SHARED: Mutex<Weak<Server>> = Mutex::const_new(Weak::new());

struct Server {
    node: Child,
    port: u16,
    log: NamedTempFile,
    turn: Arc<Mutex<()>>,
}

/// The only session of the server, for one test.
pub struct Turn {
    neighbours: BTreeMap<String, Endpoint>,
    _alone: OwnedMutexGuard<()>,
    server: Arc<Server>,
}

/// Waits until the session is free; the first test that asks starts the server.
pub async fn turn() -> Turn {
    let server = {
        let mut shared = SHARED.lock().await;
        let server = match shared.upgrade() {
            Some(server) => server,
            None => Arc::new(Server::start().await),
        };
        *shared = Arc::downgrade(&server);
        server
    };
    Turn {
        neighbours: BTreeMap::from([(SERVICE.to_owned(), server.endpoint())]),
        _alone: Arc::clone(&server.turn).lock_owned().await,
        server,
    }
}

impl Turn {
    pub fn subject(&self) -> Subject<'_> {
        super::subject(&self.neighbours, SERVICE)
    }

    /// Runs statements as the owner of everything, and leaves the session to the service user.
    pub async fn as_administrator(&self, statements: &str) {
        let script = format!(
            "\\set ON_ERROR_STOP on\nSET SESSION AUTHORIZATION postgres;\n{statements};\nSET SESSION AUTHORIZATION suho;"
        );
        self.server.psql(&script).await;
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!(
                "{}",
                std::fs::read_to_string(self.server.log.path()).unwrap_or_default()
            );
        }
    }
}

impl Server {
    async fn start() -> Self {
        let missing = "the server of the full edition is not installed: run `scripts/bootstrap.sh tests`";
        assert!(Path::new(PROJECT).join("node_modules").exists(), "{missing}");
        let log = NamedTempFile::new().unwrap();
        let mut node = std::process::Command::new("node")
            .arg("server.js")
            .current_dir(PROJECT)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log.reopen().unwrap())
            .spawn()
            .expect(missing);
        let mut line = String::new();
        BufReader::new(node.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let port = line.trim().parse();
        let port = port.unwrap_or_else(|_| panic!("{}", std::fs::read_to_string(log.path()).unwrap()));
        let turn = Arc::default();
        let server = Self { node, port, log, turn };
        server.initialise().await;
        server
    }

    fn endpoint(&self) -> Endpoint {
        let passwords = ["SUHO_POSTGRESQL_PASSWORD", "SUHO_POSTGRESQL_READER_PASSWORD"];
        Endpoint {
            service: SERVICE.to_owned(),
            place: Place::Host,
            host: "127.0.0.1".to_owned(),
            ports: BTreeMap::from([(5432, self.port)]),
            environment: passwords.map(|name| (name.to_owned(), Secret::new(PASSWORD))).into(),
        }
    }

    /// Runs the init scripts of the deployment, whose branch for the full edition runs nowhere else.
    async fn initialise(&self) {
        let files = Files::embedded();
        let scripts = format!(
            "{}\n\\set ON_ERROR_STOP on\n{}\nSET SESSION AUTHORIZATION suho;",
            files.text(INIT_ROLES).unwrap(),
            files.text(INIT_TABLES).unwrap()
        );
        let told = self.psql(&scripts).await;
        // This build cannot change who may connect to its only database, and has no use for it.
        let unexpected: Vec<_> = told
            .lines()
            .filter(|line| line.contains("ERROR:") && !line.contains("tuple concurrently deleted"))
            .collect();
        assert!(unexpected.is_empty(), "{unexpected:#?}");
    }

    /// What psql, out of the image of the deployment, tells about `script`.
    async fn psql(&self, script: &str) -> String {
        let mut docker = Command::new("docker");
        docker.args(["run", "--rm", "--interactive", "--network", "host"]);
        for variable in [
            "SUHO_POSTGRESQL_PASSWORD",
            "SUHO_POSTGRESQL_READER_PASSWORD",
            "PGPASSWORD",
        ] {
            docker.args(["--env", &format!("{variable}={PASSWORD}")]);
        }
        docker.args(["--env", "PGSSLMODE=disable", &image()]);
        docker.args(["psql", "-X", "-q", "-h", "127.0.0.1", "-p", &self.port.to_string()]);
        docker.args(["-U", "postgres", "-f", "-"]);
        let piped = docker
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut psql = piped.spawn().unwrap();
        psql.stdin.take().unwrap().write_all(script.as_bytes()).await.unwrap();
        let output = psql.wait_with_output().await.unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{told}");
        told
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.node.kill().ok();
        self.node.wait().ok();
    }
}

/// The air-gap image, by the name that the deployment has for it.
fn image() -> String {
    let (files, mut variables) = (Files::embedded(), Variables::default());
    let compose_files = [COMPOSE_FILE, AIRGAP_FILE];
    variables.generate_missing(Deployment::required_variables(&files, &compose_files).unwrap());
    let deployment = Deployment::read(&files, &compose_files, &variables).unwrap();
    deployment.service(SERVICE).unwrap().image.to_string()
}
