use std::{
    fs,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use crate::{docker, run, stderr, stdout, suho, unique};

const PSQL: &str = "PGPASSWORD=$POSTGRES_PASSWORD exec psql -XAtq -v ON_ERROR_STOP=1 -h 127.0.0.1 -U suho_admin suho";
const LIMIT: Duration = Duration::from_secs(60);

/// A stack whose `PostgreSQL` lets no backup come further than to a table that is locked.
struct Stuck {
    name: String,
    place: tempfile::TempDir,
    lock: Option<Child>,
}

impl Stuck {
    fn up(purpose: &str) -> Self {
        let name = unique(purpose);
        run(
            suho().args(["up", "nats", "postgresql", "--images", "airgap", "--name", &name]),
            0,
        );
        let mut stuck = Self {
            name,
            place: tempfile::tempdir().unwrap(),
            lock: None,
        };
        stuck.lock();
        stuck
    }

    fn container(&self) -> String {
        format!("suho-postgresql-{}", self.name)
    }

    fn lock(&mut self) {
        let mut psql = Command::new("docker")
            .args(["exec", "--interactive", &self.container(), "sh", "-c", PSQL])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let statements = "BEGIN; LOCK TABLE trading.orders; SELECT 'locked';";
        writeln!(psql.stdin.as_ref().unwrap(), "{statements}").unwrap();
        let mut answer = String::new();
        BufReader::new(psql.stdout.take().unwrap())
            .read_line(&mut answer)
            .unwrap();
        assert_eq!(answer, "locked\n");
        self.lock = Some(psql);
    }

    /// Ends the transaction that holds the lock, as its `psql` has nothing more to read.
    fn unlock(&mut self) {
        if let Some(mut psql) = self.lock.take() {
            drop(psql.stdin.take());
            psql.wait().unwrap();
        }
    }

    /// The sessions of a backup, by what they wait for.
    fn sessions(&self) -> String {
        let question = "SELECT application_name, wait_event_type FROM pg_stat_activity \
                        WHERE application_name IN ('pg_dump', 'suho-backup')";
        docker(&[
            "exec",
            &self.container(),
            "sh",
            "-c",
            &format!("{PSQL} -c \"{question}\""),
        ])
    }

    fn until(&self, what: &str, reached: impl Fn(&str) -> bool) {
        let begun = Instant::now();
        let mut sessions = self.sessions();
        while !reached(&sessions) {
            assert!(begun.elapsed() < LIMIT, "{what}: {sessions}");
            std::thread::sleep(Duration::from_millis(50));
            sessions = self.sessions();
        }
    }

    fn backup(&self) -> Command {
        let mut backup = suho();
        backup
            .args(["backup", "--name", &self.name, "--to"])
            .arg(self.place.path());
        backup
    }

    /// A backup that has NATS already, and is in the middle of `PostgreSQL`.
    fn waiting_backup(&self) -> Child {
        let running = self.backup().stderr(Stdio::piped()).spawn().unwrap();
        self.until("pg_dump waits for the lock", |sessions| {
            sessions.contains("pg_dump|Lock")
        });
        running
    }

    fn assert_nothing_is_kept(&self) {
        let listed = stdout(&run(suho().args(["backups", "--in"]).arg(self.place.path()), 0));
        assert!(listed.starts_with("no backup is in"), "{listed}");
        assert_eq!(visible(self.place.path()), 0);
    }
}

impl Drop for Stuck {
    fn drop(&mut self) {
        self.unlock();
        let _ = suho().args(["down", &self.name]).output();
    }
}

fn visible(place: &Path) -> usize {
    let names = fs::read_dir(place).unwrap().map(|entry| entry.unwrap().file_name());
    names.filter(|name| !name.to_string_lossy().starts_with('.')).count()
}

#[test]
fn an_interrupted_backup_is_none_and_its_tools_end() {
    let mut stuck = Stuck::up("stuck");
    for signal in ["INT", "TERM"] {
        let running = stuck.waiting_backup();

        run(Command::new("kill").args(["-s", signal, &running.id().to_string()]), 0);

        let ended = running.wait_with_output().unwrap();
        assert_eq!(ended.status.code(), Some(130), "{}", stderr(&ended));
        assert!(stderr(&ended).ends_with("suho: interrupted\n"), "{}", stderr(&ended));
        stuck.assert_nothing_is_kept();
        // PostgreSQL looks after who waits for a lock once that has it.
        stuck.unlock();
        stuck.until("the sessions end", str::is_empty);
        stuck.lock();
    }

    stuck.unlock();
    run(&mut stuck.backup(), 0);
    run(suho().args(["backups", "--verify", "--in"]).arg(stuck.place.path()), 0);
    assert_eq!(visible(stuck.place.path()), 1);
}

#[test]
fn a_backup_whose_engine_dies_fails_with_its_name_and_is_none() {
    let stuck = Stuck::up("deserted");
    let running = stuck.waiting_backup();

    docker(&["kill", &stuck.container()]);

    let ended = running.wait_with_output().unwrap();
    let words = stderr(&ended);
    assert_eq!(ended.status.code(), Some(1), "{words}");
    let last = words.lines().last().unwrap_or_default();
    assert!(
        last.starts_with("suho: failed to ") && last.contains("suho-postgresql"),
        "{words}"
    );
    stuck.assert_nothing_is_kept();
}
