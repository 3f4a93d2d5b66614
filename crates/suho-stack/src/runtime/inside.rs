//! Programs run inside a container.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use futures::{Stream, StreamExt, stream::BoxStream};
use testcontainers::bollard::{
    container::LogOutput,
    exec::{CreateExecOptions, StartExecOptions, StartExecResults},
};
use tokio::{io::AsyncWrite, time::sleep};

use super::{Docker, RuntimeError, docker::refused};

/// How much of what a program says on standard error is kept for the error that it ends with.
const LAST_WORDS: usize = 2_000;
/// How much of its output is read at once: the client's own eight kilobytes are slower than the programs.
const OUTPUT: usize = 256 * 1024;
/// Between two looks at a program whose output has ended and which has not.
const PAUSE: Duration = Duration::from_millis(20);
/// Runs its arguments, and ends them where standard input ends before they do: Docker itself leaves a program running whose
/// caller is gone. Waits for all that it starts: the engine is the container's first process and inherits orphans, and
/// `PostgreSQL` takes an orphan that was killed for a crash of its own.
const WATCHED: &str = r#"exec 3<&0
"$@" 3<&- </dev/null &
program=$!
{ read -r _ <&3; kill $program; } >/dev/null 2>&1 &
watch=$!
exec 3<&-
wait $program
code=$?
kill $watch 2>/dev/null
wait $watch 2>/dev/null
exit $code"#;

/// A program that runs inside a container.
pub struct Inside {
    /// Its standard input.
    pub input: Pin<Box<dyn AsyncWrite + Send>>,
    /// Its standard output.
    pub output: BoxStream<'static, Result<Bytes, RuntimeError>>,
    /// How it ended.
    pub exit: Exit,
}

impl std::fmt::Debug for Inside {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inside")
            .field("exit", &self.exit)
            .finish_non_exhaustive()
    }
}

/// Tells how a program ended, once its output has.
#[derive(Debug, Clone)]
pub struct Exit {
    docker: Docker,
    id: String,
    words: Arc<Mutex<String>>,
}

impl Docker {
    /// Starts `command` inside `container`. One that is not `fed` reads nothing, and ends when this value is dropped.
    pub async fn inside(&self, container: &str, command: &[&str], fed: bool) -> Result<Inside, RuntimeError> {
        let action = || format!("run {} in container {container}", command.first().unwrap_or(&"nothing"));
        let watched = ["sh", "-c", WATCHED, "sh"].into_iter().filter(|_| !fed);
        let config = CreateExecOptions {
            attach_stdin: Some(true),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            cmd: Some(watched.chain(command.iter().copied()).map(str::to_owned).collect()),
            ..CreateExecOptions::<String>::default()
        };
        let created = self.client.create_exec(container, config).await;
        let id = created.map_err(refused(action()))?.id;
        let options = StartExecOptions {
            output_capacity: Some(OUTPUT),
            ..StartExecOptions::default()
        };
        let started = self.client.start_exec(&id, Some(options)).await;
        let StartExecResults::Attached { output, input } = started.map_err(refused(action()))? else {
            return Err(RuntimeError::Inside {
                action: action(),
                words: "it is not attached to its output".to_owned(),
            });
        };
        let exit = Exit {
            docker: self.clone(),
            id,
            words: Arc::default(),
        };
        Ok(Inside {
            input,
            output: standard_output(output, &exit, action()).boxed(),
            exit,
        })
    }
}

/// What is written to standard output; what is written to standard error is kept for `exit`.
fn standard_output<S>(
    output: S,
    exit: &Exit,
    action: String,
) -> impl Stream<Item = Result<Bytes, RuntimeError>> + Send + use<S>
where
    S: Stream<Item = Result<LogOutput, testcontainers::bollard::errors::Error>> + Send + 'static,
{
    let words = Arc::clone(&exit.words);
    output.filter_map(move |piece| {
        let piece = match piece {
            Ok(LogOutput::StdErr { message }) => {
                keep(&words, &message);
                None
            }
            Ok(piece) => Some(Ok(piece.into_bytes())),
            Err(error) => Some(Err(refused(action.clone())(error))),
        };
        std::future::ready(piece)
    })
}

fn keep(words: &Mutex<String>, message: &[u8]) {
    let mut words = words.lock().unwrap_or_else(PoisonError::into_inner);
    words.push_str(&String::from_utf8_lossy(message));
    while words.len() > LAST_WORDS {
        words.remove(0);
    }
}

impl Exit {
    /// Resolves when the program has ended, with an error where it says that it failed.
    pub async fn wait(self, program: &str) -> Result<(), RuntimeError> {
        loop {
            let action = format!("look after {program}");
            let state = self
                .docker
                .client
                .inspect_exec(&self.id)
                .await
                .map_err(refused(action))?;
            match state.exit_code.filter(|_| state.running != Some(true)) {
                Some(0) => return Ok(()),
                Some(code) => {
                    let words = self.words.lock().unwrap_or_else(PoisonError::into_inner);
                    return Err(RuntimeError::Inside {
                        action: format!("run {program}, which ended with {code}"),
                        words: words.trim().to_owned(),
                    });
                }
                None => sleep(PAUSE).await,
            }
        }
    }
}
