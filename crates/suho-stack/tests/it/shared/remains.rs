//! What is left of a stack, of any kind.

use std::{
    fs,
    path::Path,
    process::Command,
    thread::sleep,
    time::{Duration, Instant},
};

/// What `docker …` prints.
pub fn docker(arguments: &[&str]) -> String {
    let output = Command::new("docker").args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// The containers of `stack`, running or not.
pub fn containers(stack: &str) -> Vec<String> {
    let filter = format!("label=suho.stack={stack}");
    let listed = docker(&["ps", "--all", "--quiet", "--filter", &filter]);
    listed.lines().map(str::to_owned).collect()
}

/// Containers, networks and volumes of the stacks that `prefix` begins; files and processes of the state directory.
pub fn of(prefix: &str, directory: &Path) -> Vec<String> {
    let label = r#"{{.Label "suho.stack"}}"#;
    let mut remains = Vec::new();
    for (kind, list) in [
        ("container", &["ps", "--all"][..]),
        ("network", &["network", "ls"]),
        ("volume", &["volume", "ls"]),
    ] {
        let filter = &["--filter", "label=suho.stack", "--format", label][..];
        let stacks = docker(&[list, filter].concat());
        let own = stacks.lines().filter(|stack| stack.starts_with(prefix));
        remains.extend(own.map(|stack| format!("{kind} of {stack}")));
    }
    let files = fs::read_dir(directory).unwrap().map(|file| file.unwrap().file_name());
    let files = files.map(|file| file.into_string().unwrap());
    remains.extend(
        files
            .filter(|file| file.starts_with(prefix))
            .map(|file| format!("file {file}")),
    );
    remains.extend(
        reapers(directory)
            .into_iter()
            .map(|process| format!("process {process}")),
    );
    remains
}

/// The reapers that watch over the stacks of a directory.
pub fn reapers(directory: &Path) -> Vec<u32> {
    let directory = directory.display().to_string();
    let processes = fs::read_dir("/proc").unwrap().filter_map(|process| {
        let process: u32 = process.ok()?.file_name().to_str()?.parse().ok()?;
        let line = fs::read(format!("/proc/{process}/cmdline")).ok()?;
        let line = String::from_utf8_lossy(&line).into_owned();
        let mut arguments = line.split('\0');
        let is_reaper = arguments.next()?.contains("suho-reaper") && arguments.next()? == "watch";
        (is_reaper && arguments.next()? == directory).then_some(process)
    });
    processes.collect()
}

/// Waits until nothing is left, and returns how long that took; what is left otherwise.
pub fn gone(prefix: &str, directory: &Path, limit: Duration) -> Result<Duration, Vec<String>> {
    let began = Instant::now();
    loop {
        let remains = of(prefix, directory);
        if remains.is_empty() {
            return Ok(began.elapsed());
        }
        if began.elapsed() > limit {
            return Err(remains);
        }
        sleep(Duration::from_millis(200));
    }
}

pub fn kill(process: u32) {
    let killed = Command::new("kill")
        .args(["-9", &process.to_string()])
        .status()
        .unwrap();
    assert!(killed.success(), "{process}");
}
