//! A process that asks for a warm stack: this test binary, run again.

use std::{
    env,
    io::{self, BufRead, BufReader, Write},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        atomic::{AtomicBool, Ordering},
        mpsc::{self, Receiver, RecvTimeoutError},
    },
    thread,
    time::Duration,
};

use suho_stack::{
    deployment::Files,
    stack::{Progress, Stack},
};

const THIS: &str = "shared::process::asks_for_a_warm_stack";
const ROLE: &str = "WARM_STACK_OF";
const PAUSE_AT: &str = "WARM_STACK_PAUSE_AT";
const COMMENT: &str = "WARM_STACK_COMMENT";

/// For the next word of a process.
const PATIENCE: Duration = Duration::from_secs(90);

/// A process that was started by a test.
pub struct Process {
    child: Child,
    lines: Receiver<String>,
    is_ready: bool,
}

/// What is to be asked for, and how.
#[derive(Debug, Clone, Default)]
pub struct Asking {
    prefix: String,
    variables: Vec<(String, String)>,
}

impl Asking {
    /// NATS alone, under a name of its own, without any time to linger.
    pub fn of(prefix: &str, directory: &Path) -> Self {
        Self {
            prefix: prefix.to_owned(),
            variables: Vec::new(),
        }
        .with("SUHO_STATE_DIR", &directory.display().to_string())
        .with("SUHO_LINGER", "0")
    }

    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Holds still when this is told, until it is told to go on: `image` or `launched`.
    pub fn pausing_at(self, phase: &str) -> Self {
        self.with(PAUSE_AT, phase)
    }

    /// From a configuration with this comment more.
    pub fn with_comment(self, comment: &str) -> Self {
        self.with(COMMENT, comment)
    }

    pub fn start(&self) -> Process {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--exact", THIS, "--ignored", "--nocapture", "--test-threads=1"])
            .env(ROLE, &self.prefix)
            .env_remove("CI")
            .env_remove("TESTCONTAINERS_COMMAND")
            .envs(self.variables.clone())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            output
                .lines()
                .map_while(Result::ok)
                .try_for_each(|line| sender.send(line))
        });
        Process {
            child,
            lines,
            is_ready: false,
        }
    }
}

impl Process {
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What follows `word` in the next line that begins with it; empty where the process ends before.
    pub fn hears(&mut self, word: &str) -> String {
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                // The harness of tests prints before it, in the same line.
                Ok(line) => {
                    if let Some((_, rest)) = line.split_once(&format!("~{word} ")) {
                        return rest.trim_end().to_owned();
                    }
                }
                Err(RecvTimeoutError::Disconnected) => return String::new(),
                Err(RecvTimeoutError::Timeout) => panic!("it did not say {word} within {PATIENCE:?}"),
            }
        }
    }

    /// `Started` or `Attached`, the stack's name, the port of NATS.
    pub fn ready(&mut self) -> [String; 3] {
        let line = self.hears("ready");
        self.is_ready = true;
        let words: Vec<_> = line.split(' ').map(str::to_owned).collect();
        words.try_into().unwrap_or_else(|words| panic!("not ready: {words:?}"))
    }

    /// True once it has said so.
    pub fn is_ready(&self) -> bool {
        self.is_ready
    }

    /// Lets it go on from where it pauses.
    pub fn go_on(&mut self) {
        // It may have been killed.
        let _ = writeln!(self.child.stdin.as_mut().unwrap(), "on");
    }

    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Lets it end, and waits for it.
    pub fn end(mut self) {
        drop(self.child.stdin.take());
        self.child.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn say(words: &str) {
    println!("~{words}");
    io::stdout().flush().unwrap();
}

/// Waits for a line, or for the end of the input.
fn wait_for_word() {
    io::stdin().read_line(&mut String::new()).unwrap();
}

/// Says `phase` when what it is to pause at is told by this process itself.
#[expect(clippy::needless_pass_by_value, reason = "it is handed over like that")]
fn tell(progress: Progress) {
    static FOLLOWS: AtomicBool = AtomicBool::new(false);
    say(&format!("told {progress}"));
    let phase = match &progress {
        Progress::Elsewhere { .. } => return FOLLOWS.store(true, Ordering::Relaxed),
        Progress::Image { .. } => "image",
        Progress::Launched { .. } => "launched",
        _ => return,
    };
    if !FOLLOWS.load(Ordering::Relaxed) && env::var(PAUSE_AT).is_ok_and(|pause| pause == phase) {
        say(&format!("phase {phase}"));
        wait_for_word();
    }
}

#[test]
#[ignore = "it is run by the tests beside it"]
fn asks_for_a_warm_stack() {
    let Ok(prefix) = env::var(ROLE) else {
        return;
    };
    let mut builder = Stack::builder()
        .name(prefix)
        .engines(["nats"])
        .timeout(Duration::from_secs(60))
        .on_progress(tell);
    if let Ok(comment) = env::var(COMMENT) {
        let files = Files::embedded();
        let text = format!("{}# {comment}\n", files.text("nats-server.conf").unwrap());
        builder = builder.files(files.with("nats-server.conf", text));
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    match runtime.block_on(builder.shared()) {
        Ok(stack) => {
            let port = stack.endpoint("suho-nats-server").unwrap().port(4222).unwrap();
            say(&format!("ready {:?} {} {port}", stack.origin(), stack.name()));
            wait_for_word();
        }
        Err(error) => say(&format!("failed {}", error.to_string().replace('\n', " "))),
    }
}
