//! The air-gap images, built by `docker compose build` with a line of progress per image.

use std::{
    collections::{BTreeMap, VecDeque},
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    process::Command,
    sync::mpsc,
};

use super::RuntimeError;
use crate::deployment::Variables;

/// How many lines of a failed build its error shows.
const SHOWN_LINES: usize = 40;

/// What the image that all others stand on is called in the progress.
pub const BASE: &str = "base";
/// As much of a step as its progress tells, in characters.
const STEP_WIDTH: usize = 100;

/// A build of the air-gap images of a deployment directory.
#[derive(Debug)]
pub struct ImageBuild<'a> {
    /// The directory that holds the compose files.
    pub directory: &'a Path,
    /// The compose files, in order.
    pub compose_files: &'a [&'a str],
    /// Fills the variables of the compose files.
    pub variables: &'a Variables,
}

/// Where the build of one image is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildProgress {
    /// The compose service, or [`BASE`].
    pub image: String,
    /// The step as the builder words it.
    pub step: String,
    /// Since the build began.
    pub elapsed: Duration,
}

impl ImageBuild<'_> {
    /// Builds the base, then all images together; returns how long it took.
    ///
    /// Each change of a step is handed to `progress`.
    pub async fn run(&self, progress: impl Fn(BuildProgress) + Send) -> Result<Duration, RuntimeError> {
        let started = Instant::now();
        let mut base = Command::new("bash");
        base.arg(self.directory.join("airgap/base/build.sh"));
        run_lines(base, "bash airgap/base/build.sh", |line| {
            progress(BuildProgress {
                image: BASE.to_owned(),
                step: line.to_owned(),
                elapsed: started.elapsed(),
            });
        })
        .await?;

        let mut steps = BTreeMap::new();
        run_lines(self.compose(), "docker compose build", |line| {
            if let Some((image, step)) = named_step(line)
                && steps.insert(image.clone(), step.clone()).as_ref() != Some(&step)
            {
                progress(BuildProgress {
                    image,
                    step,
                    elapsed: started.elapsed(),
                });
            }
        })
        .await?;
        Ok(started.elapsed())
    }

    fn compose(&self) -> Command {
        let mut command = Command::new("docker");
        command.current_dir(self.directory).arg("compose");
        for file in self.compose_files {
            command.args(["-f", file]);
        }
        command.args(["--progress", "plain", "build"]);
        for (name, value) in self.variables.iter() {
            command.env(name, value.expose());
        }
        command
    }
}

/// Runs a command to its end and hands each line of its output on; a cancelled caller kills it.
async fn run_lines(mut command: Command, shown: &str, mut each: impl FnMut(&str)) -> Result<(), RuntimeError> {
    let program = |source| RuntimeError::Program {
        program: shown.to_owned(),
        source,
    };
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(program)?;
    let (sender, mut lines) = mpsc::channel::<String>(64);
    if let Some(output) = child.stdout.take() {
        tokio::spawn(forward(output, sender.clone()));
    }
    if let Some(output) = child.stderr.take() {
        tokio::spawn(forward(output, sender));
    }
    let mut last = VecDeque::with_capacity(SHOWN_LINES);
    while let Some(line) = lines.recv().await {
        each(&line);
        if last.len() == SHOWN_LINES {
            last.pop_front();
        }
        last.push_back(line);
    }
    let status = child.wait().await.map_err(program)?;
    if status.success() {
        Ok(())
    } else {
        Err(RuntimeError::Build {
            log: Vec::from(last).join("\n"),
        })
    }
}

/// Whatever bytes a tool prints: an output that nobody reads on would end the build.
async fn forward(output: impl AsyncRead + Unpin, sender: mpsc::Sender<String>) {
    let mut lines = BufReader::new(output).split(b'\n');
    while let Ok(Some(line)) = lines.next_segment().await {
        let line = String::from_utf8_lossy(&line).trim_end().to_owned();
        if sender.send(line).await.is_err() {
            return;
        }
    }
}

/// Reads `#12 [suho-kafka build 2/5] RUN mvn …`, the line with which the builder begins a step.
fn named_step(line: &str) -> Option<(String, String)> {
    let (_number, rest) = line.strip_prefix('#')?.split_once(" [")?;
    let (name, command) = rest.split_once(']')?;
    let (image, stage) = name.split_once(' ').unwrap_or((name, ""));
    if !image.starts_with("suho-") || stage.starts_with("internal") {
        return None;
    }
    let words: Vec<&str> = stage.split_whitespace().chain(command.split_whitespace()).collect();
    Some((image.to_owned(), words.join(" ").chars().take(STEP_WIDTH).collect()))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("#15 [suho-kafka] exporting to image", Some(("suho-kafka", "exporting to image")))]
    #[case(
        "#12 [suho-kafka build 2/5] RUN mvn     -q",
        Some(("suho-kafka", "build 2/5 RUN mvn -q"))
    )]
    #[case("#3 [suho-kafka internal] load build definition", None)]
    #[case("#12 1.234 Downloading", None)]
    #[case("#12 DONE 3.4s", None)]
    fn a_step_is_read_from_the_builders_line(#[case] line: &str, #[case] step: Option<(&str, &str)>) {
        let read = named_step(line);
        assert_eq!(read.as_ref().map(|(image, step)| (image.as_str(), step.as_str())), step);
    }

    #[tokio::test]
    async fn a_line_that_is_no_text_is_shown_as_far_as_it_is() -> Result<(), RuntimeError> {
        let mut printf = Command::new("printf");
        printf.arg("caf\\351\\nlast\\n");
        let mut lines = Vec::new();

        run_lines(printf, "printf", |line| lines.push(line.to_owned())).await?;

        assert_eq!(lines, ["caf\u{fffd}", "last"]);
        Ok(())
    }
}
